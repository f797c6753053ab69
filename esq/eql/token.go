package eql

// kind is the sort of a token. EQL's keywords and operators are kinds of their
// own, named by their text in kindNames.
type kind uint8

const (
	kEOF kind = iota
	kString
	kInteger
	kDecimal
	kIdentifier
	kQuoted // `backticks`
	kTilde  // an identifier with a ~ behind it

	kAnd
	kAny
	kBy
	kFalse
	kIn
	kInFold
	kJoin
	kLike
	kLikeFold
	kMaxspan
	kNot
	kNull
	kOf
	kOr
	kRegex
	kRegexFold
	kSample
	kSequence
	kTrue
	kUntil
	kWhere
	kWith

	kColon
	kAssign
	kEqual
	kNotEqual
	kLess
	kLessEqual
	kGreater
	kGreaterEqual
	kPlus
	kMinus
	kStar
	kSlash
	kPercent
	kDot
	kComma
	kOpenBracket
	kCloseBracket
	kOpen
	kClose
	kPipe
	kQuestion
	kMissing // ![
)

func (k kind) isKeyword() bool { return k >= kAnd && k <= kWith }

// keyword returns the kind of a word that EQL keeps for itself. Keywords are
// lower case; "And" is an identifier.
func keyword(word string) (kind, bool) {
	switch word {
	case "and":
		return kAnd, true
	case "any":
		return kAny, true
	case "by":
		return kBy, true
	case "false":
		return kFalse, true
	case "in":
		return kIn, true
	case "in~":
		return kInFold, true
	case "join":
		return kJoin, true
	case "like":
		return kLike, true
	case "like~":
		return kLikeFold, true
	case "maxspan":
		return kMaxspan, true
	case "not":
		return kNot, true
	case "null":
		return kNull, true
	case "of":
		return kOf, true
	case "or":
		return kOr, true
	case "regex":
		return kRegex, true
	case "regex~":
		return kRegexFold, true
	case "sample":
		return kSample, true
	case "sequence":
		return kSequence, true
	case "true":
		return kTrue, true
	case "until":
		return kUntil, true
	case "where":
		return kWhere, true
	case "with":
		return kWith, true
	}
	return 0, false
}

// operator returns the kind of the operator that text starts with, and its length.
func operator(text string) (kind, int) {
	if len(text) >= 2 {
		switch text[:2] {
		case "==":
			return kEqual, 2
		case "!=":
			return kNotEqual, 2
		case "<=":
			return kLessEqual, 2
		case ">=":
			return kGreaterEqual, 2
		case "![":
			return kMissing, 2
		}
	}
	switch text[0] {
	case ':':
		return kColon, 1
	case '=':
		return kAssign, 1
	case '<':
		return kLess, 1
	case '>':
		return kGreater, 1
	case '+':
		return kPlus, 1
	case '-':
		return kMinus, 1
	case '*':
		return kStar, 1
	case '/':
		return kSlash, 1
	case '%':
		return kPercent, 1
	case '.':
		return kDot, 1
	case ',':
		return kComma, 1
	case '[':
		return kOpenBracket, 1
	case ']':
		return kCloseBracket, 1
	case '(':
		return kOpen, 1
	case ')':
		return kClose, 1
	case '|':
		return kPipe, 1
	case '?':
		return kQuestion, 1
	}
	return 0, 0
}

// token is one word of an expression.
type token struct {
	kind kind
	text string // as written
	str  string // of strings, backticks and ~ identifiers: what they stand for
	span Span
}

// describe names t for an error message.
func (t token) describe() string {
	switch {
	case t.kind == kEOF:
		return "the end"
	case t.kind.isKeyword():
		return "the keyword " + t.text
	}
	return "[" + t.text + "]"
}
