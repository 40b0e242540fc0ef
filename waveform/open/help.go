package open

// SpecHelp explains a SPEC, for the help of commands that take one.
const SpecHelp = `SPEC names where samples come from:
  synth                the built-in three-phase site
  synth:FILE.yaml      a scenario
  comtrade:FILE.cfg    a COMTRADE record (.cfg with its .dat, or .cff)
  csv:FILE.csv         a table of samples; ?rate=HZ, ?time=COLUMN or ?delimiter=; where it does not tell
A file begins again at its end with ?loop=1, and plays N times as fast with ?speed=N,
as in comtrade:fault.cfg?loop=1&speed=10 (in quotes in a shell).`
