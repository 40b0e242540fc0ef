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

	// Thermal Demand.
	defaultThermalInterval = "900"
	maxThermalInterval     = 86_400
	defaultTimeConst       = "90"

	// Counter.
	maxMultiplier = 1_000_000
	maxPreset     = 999_999_999 // times countQuanta fits 64 bits

	// Setpoint and Relative Setpoint.
	maxLimit                = 1e12
	maxSustain              = 86_400
	defaultSetpointSustain  = "0"
	defaultRelativeSustain  = "30" // published for an older model
	defaultSetpointPriority = "200"
	defaultRelativePickup   = "10"
	defaultRelativeDropout  = "5"

	// Learning: the levels in standard deviations from the mean; how far they may move
	// and be still, and how far until excursions are measured anew, in standard
	// deviations; what the longest normal excursion is
	// multiplied with; how often the progress is kept.
	defaultLearnDays = "30"
	minLearnDays     = 0.01 // a quarter of an hour, to try it
	maxLearnDays     = 90
	learnSettled     = 0.25 // published
	learnPickup      = 3.0
	learnDropout     = 2.0
	learnStill       = 0.05
	learnMoved       = 1.0
	learnMargin      = 1.25
	learnKeepS       = 60.0

	// AND/OR and Pulse Merge.
	booleanInputs = 8 // published
	mergedPulses  = 8

	// EvLog Mode of all types that have one: pulses and states may come every second.
	defaultEvLogMode = "log off"

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
	maxContrast          = 9
	defaultContrast      = "5"
	maxBacklight         = 86_400
	defaultBacklight     = "300"
	maxDisplayUpdate     = 6
	defaultDisplayUpdate = "1"
	maxDisplayDigits     = 3
	defaultVoltsDigits   = "1"
	defaultCurrentDigits = "2"
	defaultPowerDigits   = "2"
	maxDemandLockout     = 5_184_000
	defaultDemandLockout = "2160000" // published: 25 days

	// Communications.
	maxUnitID         = 9999
	defaultProtocol   = "ION"
	defaultBaudRate   = "19200"
	defaultFraming    = "8N1" // published
	defaultUnitID     = "100"
	maxRTSDelay       = 1
	minRxTimeout      = 0.1 // published
	maxRxTimeout      = 15  // published
	defaultRxTimeout  = "1"
	maxTurnaround     = 10
	defaultTurnaround = "0.1"
	maxRetries        = 10
	defaultRetries    = "2"
	maxResponseDelay  = 1

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

// Factory values and bounds of timers, tariffs, external modules and virtual points.
const (
	// Periodic Timer, One-Shot Timer and widths of output pulses.
	maxDuration     = 2_000_000 // published for PulseWidth
	defaultPeriod   = "900"
	defaultDuration = "1"

	defaultEvPriority = "0" // a client that writes every second must not flood the log

	// Digital Input.
	defaultInputPriority = "20"   // the group I/O State Change
	defaultDebounce      = "0.01" // published
	maxDebounce          = 65.25  // published
	minPulserWidth       = 0.020  // published
	defaultPulserWidth   = "1"    // published
	defaultPulseWidth    = "0"    // published

	// Store, Bin.
	storeSources = 16
	binRules     = 25 // published
	ruleBytes    = 60

	// Scheduler.
	schedules      = 8  // published
	scheduleMonths = 24 // published
	scheduleBytes  = 500

	// Time of Use.
	seasons      = 4  // published
	tariffYears  = 20 // published
	tariffRates  = 4
	seasonBytes  = 600  // a range of dates for each of 20 years
	dayListBytes = 2500 // 220 dates
	rateBytes    = 200
	rateChanges  = 24 // of one day
	datesBytes   = 600

	// Modbus Gateway, in ms. Sibling products delay frames by up to 100 ms, one by a minute
	// (communications.md 3.1).
	maxGatewayCache = 60_000
	maxFrameDelay   = 1000

	// Alert.
	alertSources     = 8
	alertBytes       = 200
	destinationBytes = 100
)

// Bounds and factory values of the Modbus master modules and Modbus Slave: ours.
const (
	mapLines            = 32
	masterSlots         = 16
	registerNameBytes   = 40
	maxPollInterval     = 86_400
	defaultPollInterval = "10"
	defaultStaleTime    = "60"
	maxSlaveValue       = 1e12
)
