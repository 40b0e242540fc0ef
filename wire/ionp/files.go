package ionp

import "fmt"

// FilesRequest asks what is in a folder.
type FilesRequest struct {
	// Folder is empty for the top.
	Folder string `cbor:"1,keyasint,omitempty"`
}

func (r *FilesRequest) check() error { return text("folder", r.Folder, MaxPath) }

// FilesReply lists a folder.
type FilesReply struct {
	// Files are in the order of their names.
	Files []File `cbor:"1,keyasint,omitempty"`
}

// File is a file or folder.
type File struct {
	// Name ends with a slash for a folder.
	Name string `cbor:"1,keyasint"`
	// Size is in bytes.
	Size uint64 `cbor:"2,keyasint,omitempty"`
	// Modified is in ns since 1970 UTC.
	Modified int64 `cbor:"3,keyasint,omitempty"`
	// SHA256 is empty where the meter does not know it yet.
	SHA256   []byte `cbor:"4,keyasint,omitempty"`
	MayRead  bool   `cbor:"5,keyasint,omitempty"`
	MayWrite bool   `cbor:"6,keyasint,omitempty"`
}

// FileReadRequest asks for a block of a file.
type FileReadRequest struct {
	Path string `cbor:"1,keyasint,omitempty"`
	// Offset and Length are in bytes; the reply is shorter at the end of the file.
	Offset uint64 `cbor:"2,keyasint,omitempty"`
	Length uint32 `cbor:"3,keyasint,omitempty"`
}

func (r *FileReadRequest) check() error {
	return first(required("path", r.Path, MaxPath), number("length", r.Length, 1, MaxBlock))
}

// FileReadReply is a block of a file.
type FileReadReply struct {
	Bytes []byte `cbor:"1,keyasint,omitempty"`
	// Size and SHA256 are those of the whole file: when they change between two blocks,
	// begin again.
	Size   uint64 `cbor:"2,keyasint"`
	SHA256 []byte `cbor:"3,keyasint,omitempty"`
}

// FileWriteRequest brings a block of a file. The file is there whole once all of it has
// come and its checksum is right.
type FileWriteRequest struct {
	Path string `cbor:"1,keyasint,omitempty"`
	// Offset is where the block stands, in bytes: Received of the reply before. A request
	// without bytes asks where to go on.
	Offset uint64 `cbor:"2,keyasint,omitempty"`
	Bytes  []byte `cbor:"3,keyasint,omitempty"`
	// Size and SHA256 are those of the whole file and tell a transfer that goes on from
	// a new one.
	Size   uint64 `cbor:"4,keyasint,omitempty"`
	SHA256 []byte `cbor:"5,keyasint,omitempty"`
}

func (r *FileWriteRequest) check() error {
	if err := first(required("path", r.Path, MaxPath), text("block", r.Bytes, MaxBlock)); err != nil {
		return err
	}
	if len(r.SHA256) != HashLength {
		return fmt.Errorf("checksum of %d bytes: want the %d of SHA-256", len(r.SHA256), HashLength)
	}
	if r.Offset > r.Size || uint64(len(r.Bytes)) > r.Size-r.Offset {
		return fmt.Errorf("block of %d bytes at %d is outside of a file of %d bytes", len(r.Bytes), r.Offset, r.Size)
	}
	return nil
}

// FileWriteReply says how far the transfer is.
type FileWriteReply struct {
	// Received is how many bytes are there from the start on.
	Received uint64 `cbor:"1,keyasint"`
	// Done is set when the file is there whole.
	Done bool `cbor:"2,keyasint,omitempty"`
}

// FileDeleteRequest deletes a file.
type FileDeleteRequest struct {
	Path string `cbor:"1,keyasint,omitempty"`
}

func (r *FileDeleteRequest) check() error { return required("path", r.Path, MaxPath) }

// FileDeleteReply says that the file is gone.
type FileDeleteReply struct{}
