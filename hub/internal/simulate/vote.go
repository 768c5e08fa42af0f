package simulate

// validations is how many consecutive ones BOINC asks before it lets a host
// compute without a replica.
const validations = 10

// vote is one stretch under the published rules: whatever two agree on is
// accepted, and nobody is excluded.
func (s *sim) vote(v *volunteer) {
	if s.config.Rule == Quorum {
		s.quorum(v, v.left)
		return
	}
	if v.valid < validations {
		s.quorum(v, min(v.left, validations-v.valid))
		return
	}
	// Each is replicated with probability 1/valid, and valid stays until then.
	unreplicated := s.rand.geometric(1 / float64(v.valid))
	alone := min(v.left, unreplicated)
	s.believed(v)
	for at := s.lie(v, 0, alone); at < alone; at = s.lie(v, at+1, alone) {
		s.tell(v, at)
		s.swallow(v)
	}
	today := s.today()
	today.account.Accept(alone, 0, alone)
	today.alone += alone
	s.deliver(v, alone, 0)
	if alone < v.left {
		s.quorum(v, 1)
	}
}

// quorum has n shards done by v and another each, and by more where they
// differ.
func (s *sim) quorum(v *volunteer, n int64) {
	w := s.another([]*volunteer{v})
	if w == nil {
		return
	}
	pair := []*volunteer{v, w}
	for n > 0 {
		at := min(s.lie(v, 0, n), s.lie(w, 0, n))
		if v.Bytes >= faultyBytes && v.Bytes == w.Bytes {
			at = s.lie(v, 0, n) // one driver, the same shards
		}
		if conspire(v, w) {
			at = min(at, s.rand.geometric(greed))
		}
		done := min(at, n)
		s.today().account.Accept(done, 0, 2*done)
		for _, m := range pair {
			s.deliver(m, done, done)
			m.valid += done
		}
		w.debt += done
		if done < n {
			s.contested(pair)
			done++
		}
		n -= done
	}
}

// contested settles one shard on which at least one of the pair is wrong: the
// pair is redrawn until it is, then others vote until two agree.
func (s *sim) contested(pair []*volunteer) {
	voters := append([]*volunteer(nil), pair...)
	answers := s.answers(pair)
	for {
		for i, a := range answers {
			for j := range i {
				if a == answers[j] {
					s.settle(voters, answers, a)
					return
				}
			}
		}
		w := s.another(voters)
		if w == nil || len(voters) >= 16 {
			s.today().account.Spend(int64(len(voters))) // nobody agrees: given up
			return
		}
		voters = append(voters, w)
		answers = append(answers, s.answer(w, len(voters), answers))
	}
}

// answers draws what a pair returns, given that not both are right.
func (s *sim) answers(pair []*volunteer) []int {
	v, w := pair[0], pair[1]
	if conspire(v, w) {
		return []int{ringBytes, ringBytes}
	}
	for {
		a, b := s.answer(v, 1, nil), s.answer(w, 2, nil)
		if v.Bytes >= faultyBytes && v.Bytes == w.Bytes {
			a, b = v.Bytes, v.Bytes
		}
		if a != 0 || b != 0 {
			return []int{a, b}
		}
	}
}

// answer is 0 when right; equal wrong answers are equal numbers.
func (s *sim) answer(v *volunteer, place int, others []int) int {
	if v.Bytes >= faultyBytes {
		for _, o := range others {
			if o == v.Bytes { // this is one of the shards its driver fails on
				return o
			}
		}
	}
	if s.lie(v, 0, 1) > 0 {
		return 0
	}
	if v.Bytes == ownBytes {
		return -place
	}
	return v.Bytes
}

func (s *sim) settle(voters []*volunteer, answers []int, accepted int) {
	s.today().account.Accept(1, 0, int64(len(voters)))
	lied := accepted != 0
	for i, w := range voters {
		if answers[i] != 0 {
			lied = true
			if w.told == 0 {
				w.firstLie = s.now
			}
			w.told++
		}
		if answers[i] == accepted {
			s.deliver(w, 1, 1)
			w.valid++
		} else {
			s.deliver(w, 1, 0)
			w.valid = 0
		}
		if i > 0 {
			w.debt++
		}
	}
	if lied {
		s.report.LiesTold++
	}
	if accepted != 0 {
		s.report.WrongAccepted++
	} else {
		s.report.LiesCaught++
	}
}
