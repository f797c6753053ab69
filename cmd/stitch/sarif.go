package main

import (
	"path/filepath"

	"github.com/stitchdetect/stitch/rules/lint"
)

// sarifLog is a log in the Static Analysis Results Interchange Format, as far
// as code hosts show it (OASIS SARIF 2.1.0).
type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool    sarifTool     `json:"tool"`
	Results []sarifResult `json:"results"`
}

type sarifTool struct {
	Driver struct {
		Name    string      `json:"name"`
		Version string      `json:"version"`
		Rules   []sarifRule `json:"rules"`
	} `json:"driver"`
}

type sarifRule struct {
	ID               string    `json:"id"`
	ShortDescription sarifText `json:"shortDescription"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifResult struct {
	RuleID    string          `json:"ruleId"`
	Level     string          `json:"level"`
	Message   sarifText       `json:"message"`
	Locations []sarifLocation `json:"locations"`
}

type sarifLocation struct {
	PhysicalLocation struct {
		ArtifactLocation struct {
			URI string `json:"uri"`
		} `json:"artifactLocation"`
		Region *sarifRegion `json:"region,omitempty"`
	} `json:"physicalLocation"`
}

type sarifRegion struct {
	StartLine int `json:"startLine"`
}

// problemCode is the code of what keeps a rule from being loaded.
const problemCode = "problem"

func (c *checked) sarif() sarifLog {
	run := sarifRun{Results: []sarifResult{}}
	run.Tool.Driver.Name, run.Tool.Driver.Version = "stitch", version()
	run.Tool.Driver.Rules = []sarifRule{{problemCode, sarifText{"the rule or view cannot be loaded"}}}
	for _, code := range lint.Codes() {
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{code.Name, sarifText{code.About}})
	}
	for _, p := range c.Problems {
		run.Results = append(run.Results, sarifOf(problemCode, "error", p.What, p.File, p.Line))
	}
	for _, w := range c.Warnings {
		run.Results = append(run.Results, sarifOf(w.Code, "warning", w.Reason+"; "+w.Mend, w.File, w.Line))
	}
	return sarifLog{"https://json.schemastore.org/sarif-2.1.0.json", "2.1.0", []sarifRun{run}}
}

func sarifOf(code, level, text, file string, line int) sarifResult {
	r := sarifResult{RuleID: code, Level: level, Message: sarifText{text}, Locations: make([]sarifLocation, 1)}
	at := &r.Locations[0].PhysicalLocation
	at.ArtifactLocation.URI = filepath.ToSlash(file)
	if line > 0 {
		at.Region = &sarifRegion{line}
	}
	return r
}
