package lint

import "fmt"

// scores are the risk scores that go with a severity, from the end of the one
// before: Elastic's rules have 21, 47, 73 and 99.
var scores = []struct {
	severity string
	most     int
}{{"low", 21}, {"medium", 47}, {"high", 73}, {"critical", 100}}

func (o *outline) severity() {
	least := 0
	for _, s := range scores {
		if score := o.rule.RiskScore; s.severity == o.rule.Severity && score > 0 && (score < least || score > s.most) {
			o.find("severity-score", []string{"rule", "risk_score"},
				fmt.Sprintf("severity %s goes with a risk_score of %d to %d, and it is %d", s.severity, least, s.most, o.rule.RiskScore),
				"change one of the two")
		}
		least = s.most + 1
	}
}
