package main

import (
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
)

// contents is what is in a binary.
type contents struct {
	main    debug.Module
	goes    string // "go1.26.8"
	built   map[string]string
	modules []module
}

// module is a module that is in a binary.
type module struct {
	path, version, sum string
	licence            string // its SPDX identifier
	text               string // of the licence, and of the notice beside it
}

// read reads what is in a binary, with the licences of the modules as they lie
// in the module cache. The standard library is a module among them.
func read(binary string) (contents, error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return contents{}, fmt.Errorf("read %s: %w", binary, err)
	}
	c := contents{main: info.Main, goes: info.GoVersion, built: map[string]string{}}
	for _, s := range info.Settings {
		c.built[s.Key] = s.Value
	}
	root, err := goroot()
	if err != nil {
		return contents{}, err
	}
	std := module{path: "std", version: strings.TrimPrefix(info.GoVersion, "go")}
	if err := std.readLicence(root); err != nil {
		return contents{}, err
	}
	c.modules = append(c.modules, std)
	for _, dep := range info.Deps {
		if dep.Replace != nil {
			dep = dep.Replace
		}
		m := module{path: dep.Path, version: dep.Version, sum: dep.Sum}
		folder, err := moduleFolder(m.path + "@" + m.version)
		if err != nil {
			return contents{}, err
		}
		if err := m.readLicence(folder); err != nil {
			return contents{}, err
		}
		c.modules = append(c.modules, m)
	}
	return c, nil
}

func goroot() (string, error) {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("ask for GOROOT: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// moduleFolder is where the module cache has a module, which it fetches if it
// must.
func moduleFolder(at string) (string, error) {
	out, err := exec.Command("go", "mod", "download", "-json", at).Output()
	if err != nil {
		return "", fmt.Errorf("find module %s: %w", at, err)
	}
	var found struct{ Dir string }
	if err := json.Unmarshal(out, &found); err != nil {
		return "", fmt.Errorf("find module %s: %w", at, err)
	}
	return found.Dir, nil
}

// readLicence reads the licence in a module's folder.
func (m *module) readLicence(folder string) error {
	// edl-v10 is the one to choose of two that Eclipse's projects offer.
	for _, name := range []string{"edl-v10", "LICENSE", "LICENSE.txt", "LICENSE.md", "COPYING", "LICENCE", "License", "LICENSE-APACHE"} {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read the licence of %s: %w", m.path, err)
		}
		m.text = string(text)
		if m.licence = identify(m.text); m.licence == "" {
			return fmt.Errorf("%s: %s is none of the licences that stitch may be given away with", m.path, name)
		}
		// Who passes on something under the Apache licence passes on its notice.
		notice, err := os.ReadFile(filepath.Join(folder, "NOTICE"))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("read the notice of %s: %w", m.path, err)
		}
		if len(notice) > 0 {
			m.text += "\n\n" + string(notice)
		}
		return nil
	}
	return fmt.Errorf("%s: no licence found", m.path)
}

// identify is the SPDX identifier of a licence's text, if it is one of those
// that allow what is done with stitch, else "".
func identify(text string) string {
	text = strings.ToLower(regexp.MustCompile(`[\s*>]+`).ReplaceAllString(text, " "))
	has := func(phrase string) bool { return strings.Contains(text, phrase) }
	switch {
	case has("apache license version 2.0"):
		return "Apache-2.0"
	case has("mozilla public license version 2.0"):
		return "MPL-2.0"
	case has("permission is hereby granted, free of charge, to any person obtaining a copy"):
		return "MIT"
	case has("permission to use, copy, modify, and/or distribute this software for any purpose"),
		has("permission to use, copy, modify, and distribute this software for any purpose"):
		return "ISC"
	case !has("redistribution and use in source and binary forms"):
		return ""
	case has("neither the name"), has("may not be used to endorse"), has("names of its contributors may be used"):
		return "BSD-3-Clause"
	}
	return "BSD-2-Clause"
}
