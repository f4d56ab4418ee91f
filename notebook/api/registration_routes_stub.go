package api

func (s *server) registrationRoutes() {}
