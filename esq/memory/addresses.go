package memory

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// address is an IP address as indices order them: IPv4 ones in their IPv6 form.
type address [16]byte

func (a address) compare(b address) int { return bytes.Compare(a[:], b[:]) }

// String writes a as clusters do, an IPv4 address in its own form.
func (a address) String() string { return netip.AddrFrom16(a).Unmap().String() }

// span is an inclusive range of addresses.
type span struct{ first, last address }

func (s span) holds(a address) bool { return s.first.compare(a) <= 0 && a.compare(s.last) <= 0 }

func parseAddress(text string) (address, error) {
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return address{}, fmt.Errorf("'%s' is not an IP string literal", text)
	}
	return a.As16(), nil
}

// parseSpan reads an address or a CIDR block, whose host bits may be set.
func parseSpan(text string) (span, error) {
	host, length, block := strings.Cut(text, "/")
	a, err := parseAddress(host)
	if err != nil {
		return span{}, err
	}
	if !block {
		return span{a, a}, nil
	}
	addr, _ := netip.ParseAddr(host)
	if addr.Is4In6() {
		return span{}, fmt.Errorf("CIDR notation is not allowed with IPv6-mapped IPv4 address [%s]", host)
	}
	bits, err := strconv.Atoi(length)
	if err != nil || bits < 0 || bits > addr.BitLen() {
		return span{}, fmt.Errorf("illegal prefix length [%s] in [%s]", length, text)
	}
	return a.block(128 - addr.BitLen() + bits), nil
}

// block returns all addresses that share so many leading bits with a.
func (a address) block(bits int) span {
	s := span{a, a}
	for i := bits; i < 128; i++ {
		mask := byte(0x80) >> (i % 8)
		s.first[i/8] &^= mask
		s.last[i/8] |= mask
	}
	return s
}

// next returns the address after a; ok is false after the last one.
func (a address) next() (address, bool) {
	for i := 15; i >= 0; i-- {
		if a[i]++; a[i] != 0 {
			return a, true
		}
	}
	return a, false
}

// previous returns the address before a; ok is false before the first one.
func (a address) previous() (address, bool) {
	for i := 15; i >= 0; i-- {
		if a[i]--; a[i] != 0xff {
			return a, true
		}
	}
	return a, false
}
