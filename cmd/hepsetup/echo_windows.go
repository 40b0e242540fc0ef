package main

import "golang.org/x/sys/windows"

// echoOff keeps a console from showing what is typed, until restore. A password is often
// typed, or pasted, before the prompt for it is there.
func echoOff(fd int) (restore func(), err error) {
	var before uint32
	if err := windows.GetConsoleMode(windows.Handle(fd), &before); err != nil {
		return nil, err
	}
	if err := windows.SetConsoleMode(windows.Handle(fd), before&^windows.ENABLE_ECHO_INPUT); err != nil {
		return nil, err
	}
	return func() { _ = windows.SetConsoleMode(windows.Handle(fd), before) }, nil
}
