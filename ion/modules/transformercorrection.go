package modules

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/hepmeter/hepmeter/ion"
	"github.com/hepmeter/hepmeter/metering"
)

// The types of correction, by the position in the enumeration.
const (
	correctNothing = iota
	correctRatio
	correctRatioAndPhase
)

func instrTransformerCorrection() ion.Type {
	points := func(name, doc string, low, high float64) ion.Setup {
		return ion.Setup{Name: name, Class: ion.String, MaxLength: testDataBytes, Doc: doc,
			Check: func(text string) error { _, err := parseTestPoints(text, low, high); return err }}
	}
	return ion.Type{
		Number: numberInstrTransformerCorrection, Name: "Instr Transformer Correction", Kind: ion.Core,
		Doc: "Corrects the ratio and phase error of the potential or current transformer of one input by its test sheet: at most 8 " +
			"test points, each the percentage of the rated secondary (PT Sec, CT Sec or I4 Sec of the Power Meter) and a value, " +
			"written 10: 1.0021, 100: 0.9995. Between points the value is interpolated, beyond the ends it holds. Only the one-second " +
			"values of the Power Meter, its energy and what derives from them are corrected; high-speed, harmonic and waveform data are as measured. " +
			"Like the ratios, it applies to what is measured from then on.",
		Source: "ION Reference (7EN02-0290), Instr Xformer Correction module; IEEE C57.13; the syntax is ours",
		Inputs: []ion.Input{samplesInput("Source")},
		Setups: []ion.Setup{
			enumerated("Correction Type", "none", "which errors are corrected", "none", "ratio", "ratio and phase"),
			points("Ratio Test Data", "ratio correction factor at each test point: true ratio over marked ratio, 0.5 to 2; empty: no ratio error", minRatioCorrection, maxRatioCorrection),
			points("Phase Test Data", "phase error in minutes at each test point, positive while the secondary leads, -600 to 600; empty: no phase error", -maxPhaseMinutes, maxPhaseMinutes),
		},
		Outputs: []ion.Output{{Name: "Output", Class: ion.Samples, Doc: "the input, as the Power Meter takes it"}},
		New:     func() ion.Behaviour { return passage{slots: 1} },
	}
}

// maxTestPoints is how many test points a transformer has (published).
const maxTestPoints = 8

// parseTestPoints reads pairs "percent: value" separated by commas, in ascending order,
// with values from low to high. An empty text has none.
func parseTestPoints(text string, low, high float64) ([]metering.TestPoint, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	pairs := strings.Split(text, ",")
	if len(pairs) > maxTestPoints {
		return nil, fmt.Errorf("%d test points are more than %d", len(pairs), maxTestPoints)
	}
	var points []metering.TestPoint
	for _, pair := range pairs {
		percentText, valueText, ok := strings.Cut(pair, ":")
		percent, err1 := strconv.ParseFloat(strings.TrimSpace(percentText), 64)
		value, err2 := strconv.ParseFloat(strings.TrimSpace(valueText), 64)
		switch {
		case !ok || errors.Join(err1, err2) != nil || math.IsNaN(percent) || math.IsNaN(value):
			return nil, fmt.Errorf("%q is no test point: write the percentage of the rated secondary and the value, such as 100: 0.9995", pair)
		case percent < 0 || percent > maxTestPercent:
			return nil, fmt.Errorf("test point %s %% is outside 0 to %d %%", strings.TrimSpace(percentText), maxTestPercent)
		case value < low || value > high:
			return nil, fmt.Errorf("the value %s is outside %g to %g", strings.TrimSpace(valueText), low, high)
		case len(points) > 0 && percent <= points[len(points)-1].Percent:
			return nil, fmt.Errorf("test point %s %% does not follow %g %%: write them in ascending order", strings.TrimSpace(percentText), points[len(points)-1].Percent)
		}
		points = append(points, metering.TestPoint{Percent: percent, Value: value})
	}
	return points, nil
}
