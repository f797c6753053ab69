package faults

import "testing"

// TestOneNode lets everything go wrong that can between the program and a
// cluster of one node. In the short form the two clusters share the work.
func TestOneNode(t *testing.T) {
	program := build(t)
	full := number(t, "STITCH_FAULT_ROUNDS", 0) > 0
	for _, name := range []string{"es8", "os3"} {
		t.Run(name, func(t *testing.T) {
			e := ownNode(t, name)
			t.Run("kills", func(t *testing.T) { kills(t, e, program) })
			if full || name == "es8" {
				t.Run("storms", func(t *testing.T) { storms(t, e, program) })
			}
			if full || name == "os3" {
				t.Run("leases", func(t *testing.T) { leases(t, e, program) })
				t.Run("readonly", func(t *testing.T) { readonly(t, e, program) })
			}
		})
	}
}
