package sequence

// settleAbsent drops the chains that rows of an absent stage go with, where no
// more than one stage that is still open decides whether they do. It reports
// whether it judged any.
func (s *state) settleAbsent() bool {
	any := false
	for _, stage := range s.absent {
		if s.judged[stage] || s.anyEmpty(s.present) {
			continue
		}
		c := s.contest(stage)
		switch {
		case len(c.rivals) == 0:
		case len(c.open) == 0:
			s.rows[s.present[0]] = nil
		case len(c.open) == 1:
			s.rule(c, c.open[0])
		default:
			continue
		}
		s.judged[stage], any = true, true
	}
	return any
}

// rule leaves the rows of the one open stage that no rival goes with.
func (s *state) rule(c contest, stage int) {
	tests := s.testsOf(c.stage, stage)
	for _, t := range tests {
		s.stand(t.stages)
	}
	dropped, _ := s.semijoin(s.own.links[c.stage][stage], stage, s.rows[stage], c.rivals, tests)
	s.rows[stage] = s.rows[stage].filter(func(row int32) bool { return !dropped.has(row) })
}
