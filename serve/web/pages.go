package web

import "html/template"

// pages lists the pages in the order of the navigation.
func pages() []page {
	return []page{
		overviewPage,
		phasorsPage,
		waveformsPage,
		harmonicsPage,
		energyPage,
		logsPage,
		eventsPage,
		setupPage,
		diagnosticsPage,
		gatewayPage,
		accountsPage,
		connectionsPage,
		certificatePage,
		passwordPage,
		pendingPage,
	}
}

// endpoints lists what the scripts of pages ask for.
func endpoints() []endpoint {
	return []endpoint{
		overviewStream, phasorsStream, harmonicsStream, energyStream, diagnosticsStream, gatewayStream,
		waveformsSocket,
		logsChart, logsCSV,
	}
}

// templateFunctions are what templates call beside asset.
func templateFunctions() template.FuncMap {
	return template.FuncMap{"span": span, "stamp": stamp}
}
