package api

func (s *server) historyRoutes() {}
