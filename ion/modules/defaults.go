package modules

// Factory values and bounds that the published pages leave open or that are known
// from older editions only: chosen here, in one place. docs/choices.md says why.
const (
	// Ratings of the inputs, as both ends of a ratio: 1:1.
	ratedVolts   = "347"
	ratedAmperes = "5"
	maxPrimary   = 999_999
	nominalVolts = "230"

	// Integrator.
	secondsPerHour     = "3600"
	defaultIntMode     = "forward"
	defaultRollValue   = "10000000"
	maxRollValue       = 999_999_999 // published
	maxDivisor         = 86_400
	defaultValPerPulse = "1"
	maxValPerPulse     = 100_000 // times maxDivisor in quanta fits 64 bits

	// Sliding Window Demand.
	defaultSubInterval  = "900"
	maxSubInterval      = 86_400
	maxSubIntervals     = 15
	defaultPredResponse = "70"
	// predictionSpan is the part of a sub-interval in which the prediction takes up
	// Pred Resp of a step.
	predictionSpan = 1.0 / 15

	// Clock.
	maxZoneOffset    = 14 * 3600
	defaultDSTOffset = "3600"
	maxDSTOffset     = 7200
	dstPeriods       = 20 // published

	// Data Recorder and Event Log Controller.
	recorderSources      = 16 // published
	maxRecorderDepth     = 1_000_000
	defaultRecorderDepth = "0"
	maxEventDepth        = 100_000
	defaultEventDepth    = "5000"
	defaultEventCutoff   = "5" // published
	// Instr Transformer Correction: the syntax and its bounds are ours.
	testDataBytes      = 200
	maxTestPercent     = 1000
	minRatioCorrection = 0.5
	maxRatioCorrection = 2
	maxPhaseMinutes    = 600

	// Line Loss and Transformer Loss: bounds of constants and ratings.
	maxLossConstant = 999_999
	minLossRating   = 0.001

	// Display Options.
	maxDisplayDigits = 3

	// Security Options: ours, the published pages name no factory values.
	defaultLockoutAttempts = "5"
	defaultLockoutMinutes  = "15"
	defaultSessionMinutes  = "30"
	maxSessionMinutes      = 43_200 // published

	// ionVersion is what the Factory module shows: the generation of our engine.
	ionVersion = "1"

	// ownerTextBytes bounds the owner's texts: the Modbus map shows 40 characters.
	ownerTextBytes = 40
	// shownOrders is the highest order that a Harmonics Analyzer shows.
	shownOrders = 63
)
