package rules

import "errors"

// Set is the rules of one load, ordered by name.
type Set struct{ Rules []*Rule }

// Load reads rules and views from files and folders: *.toml, and the views in
// a folder named views beside or below them, which stand in for shipped views
// of the same name. Without paths the shipped rules are loaded. It loads all
// or nothing; what is wrong comes back as [Problems].
func Load(paths []string) (*Set, error) { return nil, errors.New("not built yet") }
