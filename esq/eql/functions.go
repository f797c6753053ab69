package eql

import (
	"fmt"
	"net/netip"
	"unicode/utf8"

	"github.com/stitchdetect/stitch/esq"
)

// valueType is what is known of an expression's values before it is evaluated.
type valueType uint8

const (
	anyType valueType = iota // a column's
	nullType
	textType
	numberType
	truthType
)

func (t valueType) String() string {
	return [...]string{"any value", "null", "text", "a number", "a condition"}[t]
}

// evaluate computes a function of one combination of arguments, none of them
// null. The answer is null where there is none.
type evaluate func(args []Value) Value

// param is what a function wants in one place.
type param struct {
	name    string
	typ     valueType
	literal bool // no column may stand there
}

// function is an entry of the language's table of functions.
type function struct {
	name     string
	folds    bool // has a form with ~
	params   []param
	optional int  // how many of params may be left out
	variadic bool // the last param may be repeated
	result   valueType
	// op, of a function that is an operator by another name, is the operator.
	op Op
	// build, of the others, returns what computes the function for this call.
	build func(call *Call) (evaluate, error)
	// test, of functions of two texts, is the function itself: it needs no
	// list of arguments.
	test func(a, b string, fold bool) bool
}

// functions is the language's table of functions; nothing changes it.
var functions = tableOfFunctions()

func tableOfFunctions() []function {
	source := param{name: "source", typ: textType}
	two := []param{{name: "left", typ: numberType}, {name: "right", typ: numberType}}
	pair := []param{source, {name: "substring", typ: textType}}
	arithmetic := func(name string, op Op) function {
		return function{name: name, params: two, result: numberType, op: op}
	}
	test := func(name string, of func(a, b string, fold bool) bool) function {
		return function{name: name, folds: true, params: pair, result: truthType, test: of, build: textTest(of)}
	}
	return []function{
		arithmetic("add", Add),
		arithmetic("divide", Div),
		arithmetic("modulo", Mod),
		arithmetic("multiply", Mul),
		arithmetic("subtract", Sub),
		test("startsWith", hasPrefix),
		test("endsWith", hasSuffix),
		test("stringContains", contains),
		{
			name: "between", folds: true, result: textType, build: betweenCall, optional: 1,
			params: []param{source, {name: "left", typ: textType}, {name: "right", typ: textType}, {name: "greedy", typ: truthType}},
		},
		{
			name: "cidrMatch", result: truthType, build: cidrMatchCall, variadic: true,
			params: []param{{name: "address", typ: textType}, {name: "block", typ: textType, literal: true}},
		},
		{
			name: "concat", result: textType, build: concatCall, variadic: true,
			params: []param{{name: "value"}},
		},
		{
			name: "indexOf", folds: true, result: numberType, build: indexOfCall, optional: 1,
			params: append(pair[:2:2], param{name: "start", typ: numberType}),
		},
		{name: "length", result: numberType, build: lengthCall, params: []param{source}},
		{
			name: "number", result: numberType, build: numberCall, optional: 1,
			params: []param{{name: "text"}, {name: "base", typ: numberType, literal: true}},
		},
		{name: "string", result: textType, build: concatCall, params: []param{{name: "value"}}},
		{
			name: "substring", result: textType, build: substringCall, optional: 1,
			params: []param{source, {name: "start", typ: numberType}, {name: "end", typ: numberType}},
		},
		{
			name: "split", result: textType, build: splitCall,
			params: []param{source, {name: "separator", typ: textType}, {name: "index", typ: numberType}},
		},
		{
			name: "after", result: textType, build: afterCall,
			params: []param{source, {name: "separator", typ: textType}},
		},
	}
}

// findFunction returns the function of that name; the error, without a
// position, says which one was probably meant.
func findFunction(name string) (function, error) {
	var names []string
	for _, f := range functions {
		if f.name == name {
			return f, nil
		}
		names = append(names, f.name)
	}
	hint := nearestHint(name, append(names, "matched"))
	switch name {
	case "wildcard":
		hint = "; write value like (\"PATTERN\", ...)"
	case "match":
		hint = "; write value regex (\"EXPRESSION\", ...)"
	}
	return function{}, fmt.Errorf("there is no function %s%s", name, hint)
}

// arity describes how many arguments f takes.
func (f function) arity() (least, most int, words string) {
	least, most = len(f.params)-f.optional, len(f.params)
	switch {
	case f.variadic:
		return least, 1 << 20, fmt.Sprintf("%d or more arguments", least)
	case least != most:
		return least, most, fmt.Sprintf("%d to %d arguments", least, most)
	case least == 1:
		return least, most, "1 argument"
	}
	return least, most, fmt.Sprintf("%d arguments", least)
}

func (f function) param(i int) param { return f.params[min(i, len(f.params)-1)] }

func texts(args []Value, n int) (ss [3]string, ok bool) {
	for i := range n {
		if ss[i], ok = args[i].Str(); !ok {
			return ss, false
		}
	}
	return ss, true
}

func textTest(of func(a, b string, fold bool) bool) func(*Call) (evaluate, error) {
	return func(call *Call) (evaluate, error) {
		return func(args []Value) Value {
			s, ok := texts(args, 2)
			if !ok {
				return Value{}
			}
			return esq.Boolean(of(s[0], s[1], call.Fold))
		}, nil
	}
}

func betweenCall(call *Call) (evaluate, error) {
	return func(args []Value) Value {
		s, ok := texts(args, 3)
		greedy := false
		if ok && len(args) > 3 {
			greedy, ok = args[3].Bool()
		}
		if !ok {
			return Value{}
		}
		return esq.Str(between(s[0], s[1], s[2], greedy, call.Fold))
	}, nil
}

func concatCall(*Call) (evaluate, error) {
	return func(args []Value) Value {
		if len(args) == 1 {
			return esq.Str(args[0].String())
		}
		var b []byte
		for _, v := range args {
			b = append(b, v.String()...)
		}
		return esq.Str(string(b))
	}, nil
}

func indexOfCall(call *Call) (evaluate, error) {
	return func(args []Value) Value {
		s, ok := texts(args, 2)
		var from int64
		if ok && len(args) > 2 {
			from, ok = args[2].Int()
		}
		if !ok {
			return Value{}
		}
		return indexOf(s[0], s[1], from, call.Fold)
	}, nil
}

func lengthCall(*Call) (evaluate, error) {
	return func(args []Value) Value {
		s, ok := args[0].Str()
		if !ok {
			return Value{}
		}
		return esq.Integer(int64(utf8.RuneCountInString(s)))
	}, nil
}

func substringCall(*Call) (evaluate, error) {
	return func(args []Value) Value {
		s, ok := args[0].Str()
		start, whole := args[1].Int()
		end := int64(toTheEnd)
		if ok && len(args) > 2 {
			end, ok = args[2].Int()
		}
		if !ok || !whole {
			return Value{}
		}
		return esq.Str(substring(s, start, end))
	}, nil
}

func splitCall(*Call) (evaluate, error) {
	return func(args []Value) Value {
		s, ok := texts(args, 2)
		i, whole := args[2].Int()
		if !ok || !whole {
			return Value{}
		}
		return split(s[0], s[1], i)
	}, nil
}

func afterCall(*Call) (evaluate, error) {
	return func(args []Value) Value {
		s, ok := texts(args, 2)
		if !ok {
			return Value{}
		}
		return esq.Str(after(s[0], s[1]))
	}, nil
}

// numberCall reads texts and leaves numbers as they are. A base of null is the
// usual one, and not a missing argument.
func numberCall(call *Call) (evaluate, error) {
	base := 0
	if len(call.Args) > 1 && !isNull(call.Args[1]) {
		b, ok := call.Args[1].(*Literal).Value.Int()
		if !ok || b < 2 || b > 36 {
			return nil, errorAt(call.Args[1].Span().Start, "the base of number is a whole number from 2 to 36")
		}
		base = int(b)
	}
	return func(args []Value) Value {
		if s, ok := args[0].Str(); ok {
			return parseNumber(s, base)
		}
		if _, ok := args[0].Number(); ok {
			return args[0]
		}
		return Value{}
	}, nil
}

func cidrMatchCall(call *Call) (evaluate, error) {
	var blocks []netip.Prefix
	for _, arg := range call.Args[1:] {
		s, ok := arg.(*Literal).Value.Str()
		if !ok {
			continue // null, which the call then is
		}
		block, err := parseBlock(s)
		if err != nil {
			return nil, errorAt(arg.Span().Start, "%q is no CIDR block; write 10.0.0.0/8 or 2001:db8::/32", s)
		}
		blocks = append(blocks, block)
	}
	return func(args []Value) Value {
		s, ok := args[0].Str()
		if !ok {
			return Value{}
		}
		return addressIn(s, blocks)
	}, nil
}

// parseBlock reads a CIDR block. An IPv4 block is one of IPv6 addresses, as in
// an engine's ip fields.
func parseBlock(s string) (netip.Prefix, error) {
	block, err := netip.ParsePrefix(s)
	if err != nil || !block.Addr().Is4() {
		return block, err
	}
	return netip.PrefixFrom(netip.AddrFrom16(block.Addr().As16()), block.Bits()+96), nil
}

// addressIn tells whether the address is in one of the blocks; null if it is
// no address.
func addressIn(s string, blocks []netip.Prefix) Value {
	address, err := netip.ParseAddr(s)
	if err != nil || address.Zone() != "" {
		return Value{}
	}
	address = netip.AddrFrom16(address.As16())
	for _, block := range blocks {
		if containsAddress(block, address) {
			return esq.Boolean(true)
		}
	}
	return esq.Boolean(false)
}

// containsAddress compares the first bits of 16 bytes; netip's own Contains
// keeps IPv4 addresses apart from the IPv6 addresses that hold them.
func containsAddress(block netip.Prefix, address netip.Addr) bool {
	a, b := block.Addr().As16(), address.As16()
	whole, rest := block.Bits()/8, block.Bits()%8
	for i := range whole {
		if a[i] != b[i] {
			return false
		}
	}
	return rest == 0 || (a[whole]^b[whole])>>(8-rest) == 0
}
