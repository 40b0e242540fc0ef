package access

// Room is what the owner's files may take, and what of it is left.
type Room struct {
	Bytes, FreeBytes int64
	Files, FreeFiles int
	// Folders are those that take files of the owner.
	Folders []string
}

// Rooms is what Files implement that are bounded.
type Rooms interface {
	Room() (Room, error)
}

// FileRoom tells how much room there is for files of the owner. The error is a *Refusal;
// CodeNotFound where the meter has no such room.
func (s *Session) FileRoom() (Room, error) {
	if err := s.permit(ReadFile, "room for files"); err != nil {
		return Room{}, err
	}
	rooms, ok := s.gate().options.Files.(Rooms)
	if !ok {
		return Room{}, refuse(CodeNotFound, "this meter takes no files").of(ReadFile)
	}
	return rooms.Room()
}
