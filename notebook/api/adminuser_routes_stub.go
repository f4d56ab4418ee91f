package api

func (s *server) adminUserRoutes() {}
