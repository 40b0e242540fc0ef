package firmware

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

//go:embed releases.json
var releasesJSON []byte

// Release is what a version of the firmware asks of those who upgrade to it.
type Release struct {
	Version Version `json:"version"`
	// Models are those that it was made for; none means all of them.
	Models []string `json:"models"`
	// MinSource, MinTool, MinClient, SecurityCounter and Template are as in a Manifest.
	MinSource       Version `json:"minSource"`
	MinTool         Level   `json:"minTool"`
	MinClient       int     `json:"minClient"`
	SecurityCounter uint32  `json:"securityCounter"`
	Template        string  `json:"template"`
}

// Releases returns the known versions, oldest first (FA409164 for 3.0.0, FA331587 for 1.4.1).
func Releases() ([]Release, error) { return parseReleases(releasesJSON) }

func parseReleases(text []byte) ([]Release, error) {
	var list []Release
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&list); err != nil {
		return nil, fmt.Errorf("releases.json: %w", err)
	}
	var problems []error
	last := Release{}
	for _, r := range list {
		switch {
		case r.Version.Compare(last.Version) <= 0 || r.SecurityCounter < last.SecurityCounter:
			problems = append(problems, fmt.Errorf("release %s: versions ascend, and security counters do not fall", r.Version))
		case r.MinSource.Compare(r.Version) >= 0 || r.MinClient < 0 || r.Template == "":
			problems = append(problems, fmt.Errorf("release %s: needs an older source, a protocol of clients and a word on the template", r.Version))
		}
		problems = append(problems, r.MinTool.Validate(), plainText(r.Template))
		last = r
	}
	if err := errors.Join(problems...); err != nil {
		return nil, fmt.Errorf("releases.json: %w", err)
	}
	return list, nil
}

// ReleaseOf returns what is known of a version: a patch release has the numbers of the newest known
// version before it.
func ReleaseOf(v Version) (Release, error) {
	list, err := Releases()
	if err != nil {
		return Release{}, err
	}
	i, found := slices.BinarySearchFunc(list, v, func(r Release, v Version) int { return r.Version.Compare(v) })
	switch {
	case !found && i == 0:
		return Release{}, fmt.Errorf("version %s is older than all known ones, of which %s is the first", v, list[0].Version)
	case !found:
		i--
	}
	r := list[i]
	r.Version = v
	return r, nil
}

// steps returns the way from one version to an image in the fewest steps, both included; nil if there is
// none over the known releases.
func steps(from Version, to Manifest, model string, known []Release) []Version {
	way := []Version{from}
	for from.Compare(to.MinSource) < 0 {
		next := from
		for _, r := range known {
			// A newer firmware can be upgraded to whatever an older one can.
			if r.Version.Compare(to.Version) < 0 && r.Version.Compare(next) > 0 && r.MinSource.Compare(from) <= 0 &&
				(len(r.Models) == 0 || slices.Contains(r.Models, model)) {
				next = r.Version
			}
		}
		if next == from {
			return nil
		}
		way, from = append(way, next), next
	}
	return append(way, to.Version)
}
