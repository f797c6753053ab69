"""ElastAlert 2, each rule run once, as its scheduler runs them: elastalert has no command for that."""
import sys

from elastalert.elastalert import ElastAlerter

ElastAlerter(sys.argv[1:]).run_all_rules()
