// Package aroundion reaches for the modules.
package aroundion

import _ "github.com/hepmeter/hepmeter/ion"
