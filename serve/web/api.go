package web

// apiRoot is where the API begins.
const apiRoot = "/api/v1"

func (s *Server) routeAPI() {}
