// Package aroundstore reaches for the files.
package aroundstore

import _ "github.com/hepmeter/hepmeter/store"
