// elector
