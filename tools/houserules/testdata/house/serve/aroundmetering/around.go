// Package aroundmetering reaches for the engine.
package aroundmetering

import _ "github.com/hepmeter/hepmeter/metering"
