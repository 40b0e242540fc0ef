package routing

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// MaxAddressesBytes and maxAddresses bound the text of Allowed Addresses and its entries.
const (
	MaxAddressesBytes = 1024
	maxAddresses      = 64
)

// Access is what a client may do with devices behind the gateway.
type Access uint8

// The accesses, each more than the one before.
const (
	None Access = iota
	ReadOnly
	ReadWrite
)

// accessWords are how entries of the list write them.
var accessWords = [...]string{None: "none", ReadOnly: "ro", ReadWrite: "rw"}

// Addresses are what clients may do by their network address; the zero value lets everybody
// do everything.
type Addresses struct {
	rules []addressRule // the longest prefixes first
}

type addressRule struct {
	prefix netip.Prefix
	access Access
}

// ParseAddresses reads addresses and prefixes between commas, each with =ro, =rw or =none,
// and rw where nothing is said: "192.0.2.7, 192.0.2.0/24=ro, 2001:db8::/64".
func ParseAddresses(text string) (Addresses, error) {
	var a Addresses
	if strings.TrimSpace(text) == "" {
		return a, nil
	}
	for entry := range strings.SplitSeq(text, ",") {
		rule, err := parseAddress(strings.TrimSpace(entry))
		if err != nil {
			return Addresses{}, err
		}
		if slices.ContainsFunc(a.rules, func(r addressRule) bool { return r.prefix == rule.prefix }) {
			return Addresses{}, fmt.Errorf("%s is in the list twice", rule.prefix)
		}
		if a.rules = append(a.rules, rule); len(a.rules) > maxAddresses {
			return Addresses{}, fmt.Errorf("the list has more than %d entries: use prefixes such as 192.0.2.0/24", maxAddresses)
		}
	}
	slices.SortStableFunc(a.rules, func(x, y addressRule) int { return cmp.Compare(y.prefix.Bits(), x.prefix.Bits()) })
	return a, nil
}

func parseAddress(entry string) (addressRule, error) {
	where, word, said := strings.Cut(entry, "=")
	rule := addressRule{access: ReadWrite}
	if said {
		i := slices.Index(accessWords[:], strings.ToLower(strings.TrimSpace(word)))
		if i < 0 {
			return rule, fmt.Errorf("%q: write ro, rw or none behind the =", entry)
		}
		rule.access = Access(i)
	}
	where = strings.TrimSpace(where)
	if addr, err := netip.ParseAddr(where); err == nil {
		addr = plain(addr)
		rule.prefix = netip.PrefixFrom(addr, addr.BitLen())
		return rule, nil
	}
	prefix, err := netip.ParsePrefix(where)
	if err != nil || prefix.Addr().Is4In6() {
		return rule, fmt.Errorf("%q is no address: write 192.0.2.7, 192.0.2.0/24=ro or 2001:db8::/64=none", entry)
	}
	rule.prefix = prefix.Masked()
	return rule, nil
}

// plain is an address without its zone, an IPv4 one as such.
func plain(addr netip.Addr) netip.Addr { return addr.WithZone("").Unmap() }

// Of returns what the clients of an address may do: what the longest prefix says that it is
// in, and nothing where it is in none of a list.
func (a Addresses) Of(addr netip.Addr) Access {
	if len(a.rules) == 0 {
		return ReadWrite
	}
	addr = plain(addr)
	for _, r := range a.rules {
		if r.prefix.Contains(addr) {
			return r.access
		}
	}
	return None
}
