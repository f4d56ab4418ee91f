package api

func (s *server) knowledgeRoutes() {}
