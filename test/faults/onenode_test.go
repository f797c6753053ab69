package faults

import "testing"

// TestOneNode lets everything go wrong that can between the program and a
// cluster of one node.
func TestOneNode(t *testing.T) {
	program := build(t)
	for _, name := range []string{"es8", "os3"} {
		t.Run(name, func(t *testing.T) {
			e := ownNode(t, name)
			t.Run("storms", func(t *testing.T) { storms(t, e, program) })
			t.Run("kills", func(t *testing.T) { kills(t, e, program) })
			t.Run("leases", func(t *testing.T) { leases(t, e, program) })
			t.Run("readonly", func(t *testing.T) { readonly(t, e, program) })
		})
	}
}
