// Package modules is the catalogue of module types, one file per type. What each
// does is told by its descriptor, from which docs/modules.md is made.
package modules

import "github.com/hepmeter/hepmeter/ion"

// Catalogue returns every module type, by manager number.
func Catalogue() []ion.Type {
	types := []ion.Type{
		dataAcquisition(),
		powerMeter(),
		hsPowerMeter(),
		harmonicsAnalyzer(),
		symmetricalComponents(),
		clock(),
		factory(),
		diagnostics(),
		integrator(),
		slidingWindowDemand(),
		maximum(),
		minimum(),
		thermalDemand(),
		counter(),
		setpoint(),
		hsSetpoint(),
		relativeSetpoint(),
		hsRelativeSetpoint(),
		arithmetic(),
		andOr(),
		convert(),
		feedback(),
		latch(),
		pulseMerge(),
		periodicTimer(),
		oneShotTimer(),
		store(),
		bin(),
		scheduler(),
		timeOfUse(),
		externalBoolean(),
		externalNumeric(),
		externalPulse(),
		digitalInput(),
		digitalOutput(),
		pulser(),
		alert(),
		dataRecorder(),
		eventLogController(),
		voltageSelection(),
		instrTransformerCorrection(),
		lineLoss(),
		transformerLoss(),
		displayOptions(),
		communications(),
		ethernet(),
		securityOptions(),
		securityUser(),
		modbusGateway(),
		modbusGatewayUnit(),
		modbusMasterOptions(),
		modbusMasterDevice(),
		modbusMasterMap(),
		modbusImport(),
		modbusExport(),
		modbusSlave(),
	}
	return append(types, dataMappings()...)
}

// Manager numbers. They are part of kept state and of handles: never change one.
const (
	numberDataAcquisition = iota + 1
	numberPowerMeter
	numberHSPowerMeter
	numberHarmonicsAnalyzer
	numberSymmetricalComponents
	numberClock
	numberFactory
	numberDiagnostics
	numberIntegrator
	numberSlidingWindowDemand
	numberMaximum
	numberMinimum
	numberThermalDemand
	numberCounter
	numberSetpoint
	numberHSSetpoint
	numberRelativeSetpoint
	numberHSRelativeSetpoint
	numberArithmetic
	numberAndOr
	numberConvert
	numberFeedback
	numberLatch
	numberPulseMerge
	numberPeriodicTimer
	numberOneShotTimer
	numberStore
	numberBin
	numberScheduler
	numberTimeOfUse
	numberExternalBoolean
	numberExternalNumeric
	numberExternalPulse
	numberDigitalInput
	numberDigitalOutput
	numberPulser
	numberAlert
	numberDataRecorder
	numberEventLogController
	numberVoltageSelection
	numberInstrTransformerCorrection
	numberLineLoss
	numberTransformerLoss
	numberDisplayOptions
	numberCommunications
	numberEthernet
	numberSecurityOptions
	numberSecurityUser
	// numberDataMapping is the first of a block of numbers, one for each kind of Data
	// Mapping, that ends at 89. Further types go on from 90.
	numberDataMapping
)

const (
	numberModbusMasterOptions = iota + 90
	numberModbusMasterDevice
	numberModbusMasterMap
	numberModbusImport
	numberModbusExport
	numberModbusSlave
)

// Manager numbers of the Modbus gateway.
const (
	numberModbusGateway = iota + 110
	numberModbusGatewayUnit
)

// Inputs that many types have.

func sourceInput(name string) ion.Input {
	return ion.Input{Name: name, Classes: []ion.Class{ion.Numeric}, Mandatory: true}
}

func samplesInput(name string) ion.Input {
	return ion.Input{Name: name, Classes: []ion.Class{ion.Samples}, Fixed: true, Unlinked: "the input does not exist on this model"}
}

func enableInput() ion.Input {
	return ion.Input{Name: "Enable", Classes: []ion.Class{ion.Boolean}, Unlinked: "enabled"}
}

func pulseInput(name string) ion.Input {
	return ion.Input{Name: name, Classes: []ion.Class{ion.Pulse}, Unlinked: "never pulsed"}
}

// enumerated is a setup register that takes one of the options.
func enumerated(name, defaultOption, doc string, options ...string) ion.Setup {
	return ion.Setup{Name: name, Class: ion.Enumerated, Options: options, Default: defaultOption, Doc: doc}
}

// settingsOnly is the behaviour of a module whose setup registers others obey.
type settingsOnly struct{}

func (settingsOnly) Tick(*ion.Context) {}

// priority is a setup register for the priority of a module's events.
func priority(name, defaultPriority, doc string) ion.Setup {
	return ion.Setup{Name: name, Class: ion.NumericBounded, Low: 0, High: 255, Whole: true, Default: defaultPriority, Doc: doc + "; 0: none is raised"}
}

// logged is a setup register that says whether a module's events are raised.
func logged(doc string) ion.Setup {
	return enumerated("EvLog Mode", defaultEvLogMode, doc, "log off", "log on")
}
