// Package explain says what a rule does and why: how its questions are put and
// answered ([Describe], [Ask]), what keeps it from firing for somebody ([WhyNot]),
// and what an alert rests on ([Why]). It asks an engine and writes nothing.
package explain
