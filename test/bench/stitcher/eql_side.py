"""The eql package's engine over a sequence: told which by a file, run once per line of the input.

A line of the answer is JSON: the CPU seconds that feeding the events took, and what was found, as lists of the
events' ids. Reading the events, and parsing the query, are not counted.
"""
import json
import sys
import time

import eql
from eql.events import Event


def run(query, events):
    """Feed the events to a new engine, and return the seconds and the ids of each sequence that was found."""
    engine = eql.PythonEngine()
    found = []
    engine.add_output_hook(found.append)
    with eql.parser.elasticsearch_syntax, eql.parser.ignore_missing_functions:
        engine.add_query(eql.parse_query(query))
    began = time.process_time()
    for event in events:
        engine.stream_event(event)
    engine.finalize()
    return time.process_time() - began, [[e.data["id"] for e in output.events] for output in found]


def main():
    """Read the query and the events, and run as often as asked."""
    with open(sys.argv[1], encoding="utf-8") as f:
        query = json.loads(f.readline())
        events = [Event(e["type"], e["time"] * 10_000, e) for e in map(json.loads, f)]  # ms to ticks of 100 ns
    for _ in sys.stdin:
        seconds, found = run(query, events)
        print(json.dumps({"seconds": seconds, "found": found}), flush=True)


main()
