package api

func (s *server) dictionaryRoutes() {}
