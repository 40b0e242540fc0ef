// Package modules is the catalogue of module types, one file per type. What each
// does is told by its descriptor, from which docs/modules.md is made.
package modules

import "github.com/hepmeter/hepmeter/ion"

// Catalogue returns every module type, by manager number.
func Catalogue() []ion.Type {
	return []ion.Type{
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
	}
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
	numberModbusMapping
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
