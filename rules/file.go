package rules

// File is a TOML file that belongs to rules, such as their tests, read as
// strictly as a rule is: every problem is noted, with its line.
type File struct{ f file }

// ReadFile reads a TOML text into the struct that into points to, by the toml
// tags of its fields. It reports whether nothing was wrong; what was is noted.
func ReadFile(name, text string, into any) (*File, bool) {
	f := &File{file{name: name}}
	ok := f.f.decode(text, into)
	return f, ok
}

// Problem notes what is wrong with the key at path: names of tables and keys,
// and after the name of an array the index of the element.
func (f *File) Problem(path []string, format string, args ...any) {
	f.f.problem(path, format, args...)
}

// Problems returns what is wrong so far.
func (f *File) Problems() Problems { return f.f.problems }

// Line returns the line of the key at path, or of the nearest table or key that
// holds it; 0 if there is none.
func (f *File) Line(path ...string) int { return f.f.lines.line(path...) }

// TextLine returns the line of the file on which line n, from 1, of the string
// at path stands.
func (f *File) TextLine(path []string, n int) int { return f.f.lines.textLine(path, n) }
