package memory

import "encoding/binary"

// stamps are the ways of writing a time that take a third of the bytes when only
// the digits are kept.
var stamps = [...]struct {
	layout string
	bytes  int // that the digits take as a number
}{
	{"0000-00-00T00:00:00Z", 6},
	{"0000-00-00T00:00:00.000Z", 8},
}

// packStamp appends the digits of a time to what is held; ok is false for any
// other text.
func packStamp(held []byte, text string) (_ []byte, ok bool) {
	for i, s := range stamps {
		if digits, is := digitsOf(s.layout, text); is {
			var number [8]byte
			binary.LittleEndian.PutUint64(number[:], digits)
			return append(append(held, byte(i)|0x80, 0), number[:s.bytes]...), true
		}
	}
	return held, false
}

// digitsOf reads the digits of a text as one number, if they stand where the layout
// has some and all else is the same.
func digitsOf(layout, text string) (digits uint64, ok bool) {
	if len(text) != len(layout) {
		return 0, false
	}
	for i := range len(layout) {
		switch c := text[i]; {
		case layout[i] != '0':
			if c != layout[i] {
				return 0, false
			}
		case c < '0' || c > '9':
			return 0, false
		default:
			digits = 10*digits + uint64(c-'0')
		}
	}
	return digits, true
}

// unpackStamp is the text of a time from its layout and digits.
func unpackStamp(layout int, packed []byte) string {
	var number [8]byte
	copy(number[:], packed[:stamps[layout].bytes])
	digits := binary.LittleEndian.Uint64(number[:])
	text := []byte(stamps[layout].layout)
	for i := len(text) - 1; i >= 0; i-- {
		if text[i] == '0' {
			text[i] = '0' + byte(digits%10)
			digits /= 10
		}
	}
	return view(text)
}
