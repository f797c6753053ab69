package people

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/stitchdetect/stitch/esq/eql"
)

// Kind is a way to name a person. Its text is the name of the map's column.
type Kind string

// The kinds of identities.
const (
	UPN      Kind = "upn"       // john.doe@example.com, in any case
	ObjectID Kind = "object_id" // Entra's: a GUID
	SID      Kind = "sid"       // of a domain account or of one of Entra
	Account  Kind = "sam"       // DOMAIN\name, in any case
)

// Kinds returns all kinds.
func Kinds() []Kind { return []Kind{UPN, ObjectID, SID, Account} }

// Key returns the one spelling of an identity that names a person; ok is false
// for what is no identity of the kind, or one that no single person has: the
// GUID of zeros, the SID of a service or a group, a machine's account,
// SharePoint's app@sharepoint. Letters are folded A to Z only.
func (k Kind) Key(text string) (key string, ok bool) {
	switch k {
	case UPN:
		name, domain, found := strings.Cut(text, "@")
		key = eql.Fold(text)
		return key, found && name != "" && domain != "" && key != "app@sharepoint"
	case ObjectID:
		return NormalObjectID(text)
	case SID:
		key, ok = NormalSID(text)
		return key, ok && ofPerson(key)
	case Account:
		key, ok = NormalAccount(text)
		return key, ok && !strings.HasSuffix(key, "$")
	}
	return "", false
}

const (
	entraSID  = "S-1-12-1-"
	domainSID = "S-1-5-21-"
)

// ofPerson reports whether a SID in its one spelling is that of an account of a
// domain, a machine or Entra.
func ofPerson(sid string) bool {
	return strings.Count(sid, "-") == 7 && (strings.HasPrefix(sid, entraSID) || strings.HasPrefix(sid, domainSID))
}

// NormalObjectID returns an Entra object id as a lower-case GUID. The text may
// be a GUID in any case, in braces or not, or the SID that Windows makes of
// it on machines that are joined to Entra: S-1-12-1-a-b-c-d, the GUID's 16
// bytes as four little-endian 32-bit numbers. The GUID of zeros is nobody's.
func NormalObjectID(text string) (guid string, ok bool) {
	if len(text) > 0 && (text[0] == 's' || text[0] == 'S') {
		return objectIDOfSID(text)
	}
	if len(text) == 38 && text[0] == '{' && text[37] == '}' {
		text = text[1:37]
	}
	if len(text) != 36 {
		return "", false
	}
	for i, r := range []byte(text) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		isHex := r >= '0' && r <= '9' || r >= 'a' && r <= 'f' || r >= 'A' && r <= 'F'
		if dash != (r == '-') || !dash && !isHex {
			return "", false
		}
	}
	return somebody(strings.ToLower(text))
}

const nobody = "00000000-0000-0000-0000-000000000000"

func somebody(guid string) (string, bool) {
	if guid == nobody {
		return "", false
	}
	return guid, true
}

func objectIDOfSID(text string) (guid string, ok bool) {
	sid, ok := NormalSID(text)
	if !ok || !strings.HasPrefix(sid, entraSID) || !ofPerson(sid) {
		return "", false
	}
	var bytes []byte
	for part := range strings.SplitSeq(strings.TrimPrefix(sid, entraSID), "-") {
		n, err := strconv.ParseUint(part, 10, 32)
		if err != nil {
			return "", false
		}
		bytes = binary.LittleEndian.AppendUint32(bytes, uint32(n))
	}
	// A GUID's first three groups are written as numbers, its last two byte by byte.
	guid = fmt.Sprintf("%08x-%04x-%04x-%x-%x", binary.LittleEndian.Uint32(bytes), binary.LittleEndian.Uint16(bytes[4:]),
		binary.LittleEndian.Uint16(bytes[6:]), bytes[8:10], bytes[10:])
	return somebody(guid)
}

// EntraSID returns the SID of an object id in its one spelling; "" of any other text.
func EntraSID(objectID string) string {
	digits, err := hex.DecodeString(strings.ReplaceAll(objectID, "-", ""))
	if err != nil || len(digits) != 16 {
		return ""
	}
	second := uint32(binary.BigEndian.Uint16(digits[6:]))<<16 | uint32(binary.BigEndian.Uint16(digits[4:]))
	return fmt.Sprintf("%s%d-%d-%d-%d", entraSID, binary.BigEndian.Uint32(digits), second,
		binary.LittleEndian.Uint32(digits[8:]), binary.LittleEndian.Uint32(digits[12:]))
}

// NormalSID returns a security identifier with a capital S. Numbers with
// leading zeros or beyond their size are refused, so that each has one spelling.
func NormalSID(text string) (sid string, ok bool) {
	parts := strings.Split(text, "-")
	if len(parts) < 4 || len(parts) > 18 || parts[0] != "S" && parts[0] != "s" || parts[1] != "1" {
		return "", false
	}
	for i, part := range parts[2:] {
		bits := 32
		if i == 0 {
			bits = 48 // the authority
		}
		n, err := strconv.ParseUint(part, 10, bits)
		if err != nil || strconv.FormatUint(n, 10) != part {
			return "", false
		}
	}
	parts[0] = "S"
	return strings.Join(parts, "-"), true
}

// NormalAccount returns an account DOMAIN\name with its letters folded.
func NormalAccount(text string) (account string, ok bool) {
	domain, name, found := strings.Cut(text, `\`)
	ok = found && strings.TrimSpace(domain) != "" && strings.TrimSpace(name) != "" && !strings.Contains(name, `\`)
	if !ok {
		return "", false
	}
	return eql.Fold(text), true
}
