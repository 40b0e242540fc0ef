package open

// SpecHelp explains a SPEC, for the help of commands that take one.
const SpecHelp = `SPEC names where samples come from:
  synth                the built-in three-phase site
  synth:FILE.yaml      a scenario
  comtrade:FILE.cfg    a COMTRADE record (.cfg with its .dat, or .cff)
  csv:FILE.csv         a table of samples; ?rate=HZ, ?time=COLUMN or ?delimiter=; where it does not tell
  wav:FILE.wav         PCM or float; ?channels=V1,V2,V3,I1&vscale=400&iscale=10 name the channels and say
                       what full scale is in V and A
  pcap:FILE[,svID]     sampled values (IEC 61850-9-2LE, IEC 61869-9) in a .pcap or .pcapng
  sv:INTERFACE[,svID]  the same live from a network interface (Linux); both take ?test=1 for samples of
                       a test set
A file begins again at its end with ?loop=1, and plays N times as fast with ?speed=N,
as in comtrade:fault.cfg?loop=1&speed=10 (in quotes in a shell).`
