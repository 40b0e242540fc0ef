// Package aroundmeter reaches for the meter.
package aroundmeter

import _ "github.com/hepmeter/hepmeter/meter"
