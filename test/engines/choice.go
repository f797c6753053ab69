package engines

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// choiceVariable is the environment variable that [FromEnvironment] reads.
const choiceVariable = "STITCH_TEST_ENGINES"

// Choice says which clusters to test on.
type Choice struct {
	Required bool     // a cluster that cannot be had is a failure
	None     bool     // test on none
	Names    []string // test on these only; empty for all
}

// FromEnvironment reads the choice that STITCH_TEST_ENGINES makes. A word that
// means nothing is an error.
func FromEnvironment() (Choice, error) {
	c, err := parseChoice(os.Getenv(choiceVariable))
	if err != nil {
		return c, fmt.Errorf("read %s: %w", choiceVariable, err)
	}
	return c, nil
}

func parseChoice(list string) (Choice, error) {
	var c Choice
	for word := range strings.SplitSeq(list, ",") {
		word = strings.TrimSpace(word)
		switch {
		case word == "" || word == "all":
		case word == "required":
			c.Required = true
		case word == "none":
			c.None = true
		case slices.ContainsFunc(All(), func(e Engine) bool { return e.Name == word }):
			c.Names = append(c.Names, word)
		default:
			return c, fmt.Errorf("unknown word %q: write required, none, or some of es8, es9, os2, os3", word)
		}
	}
	if c.None && (c.Required || len(c.Names) > 0) {
		return c, fmt.Errorf("%q is no choice: none stands alone", list)
	}
	return c, nil
}

// Wants reports whether the choice takes in the engine.
func (c Choice) Wants(e Engine) bool {
	return !c.None && (len(c.Names) == 0 || slices.Contains(c.Names, e.Name))
}
