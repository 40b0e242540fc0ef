package web

import "html/template"

// pages lists the pages in the order of the navigation.
func pages() []page {
	return []page{
		passwordPage,
		certificatePage,
	}
}

// endpoints lists what the scripts of pages ask for.
func endpoints() []endpoint { return nil }

// templateFunctions are what templates call beside asset.
func templateFunctions() template.FuncMap { return template.FuncMap{} }
