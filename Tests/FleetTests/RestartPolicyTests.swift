import Fleet
import Testing

@Suite struct RestartPolicyTests {
    @Test func delaysDoubleUpToTheMaximumAndEndAtTheLimit() {
        let policy = RestartPolicy(initialDelay: .seconds(1), maximumDelay: .seconds(5), deathLimit: 6)
        let delays = (1...7).map { policy.delay(afterDeaths: $0) }
        #expect(delays == [.seconds(1), .seconds(2), .seconds(4), .seconds(5), .seconds(5), nil, nil])
    }
}
