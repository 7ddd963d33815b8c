package cluster

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// wireField is one field of a protobuf message.
type wireField struct {
	number int
	wire   protowire.Type
	// bytes are the value of a string or an embedded message: a part of the message that was read, not a copy.
	bytes []byte
	// varint is the value of a number, a bool or an enum.
	varint uint64
}

// eachField calls read with each field of a message, in the order in which they were sent, and stops at the first error.
// Fields of other types than strings, messages and varints are checked, and come without a value.
func eachField(message []byte, read func(wireField) error) error {
	for len(message) > 0 {
		number, wire, n := protowire.ConsumeTag(message)
		if n < 0 {
			return protowire.ParseError(n)
		}
		field := wireField{number: int(number), wire: wire}
		message = message[n:]
		switch wire {
		case protowire.BytesType:
			field.bytes, n = protowire.ConsumeBytes(message)
		case protowire.VarintType:
			field.varint, n = protowire.ConsumeVarint(message)
		default:
			n = protowire.ConsumeFieldValue(number, wire, message)
		}
		if n < 0 {
			return fmt.Errorf("field %d: %w", field.number, protowire.ParseError(n))
		}
		message = message[n:]
		if err := read(field); err != nil {
			return err
		}
	}
	return nil
}

// message calls read with each field of an embedded message.
func (f wireField) message(read func(wireField) error) error {
	if f.wire != protowire.BytesType {
		return f.mistyped()
	}
	if err := eachField(f.bytes, read); err != nil {
		return fmt.Errorf("field %d: %w", f.number, err)
	}
	return nil
}

// text sets a string to a copy of the value: the message that was read may be large, and is let go.
func (f wireField) text(to *string) error {
	if f.wire != protowire.BytesType {
		return f.mistyped()
	}
	*to = string(f.bytes)
	return nil
}

// truth sets a bool.
func (f wireField) truth(to *bool) error {
	if f.wire != protowire.VarintType {
		return f.mistyped()
	}
	*to = protowire.DecodeBool(f.varint)
	return nil
}

// int64 sets a number of 64 bits.
func (f wireField) int64(to *int64) error {
	if f.wire != protowire.VarintType {
		return f.mistyped()
	}
	*to = int64(f.varint) //nolint:gosec // A negative number is sent as its two's complement.
	return nil
}

// int32 sets a number of 32 bits. What does not fit is cut off, as protobuf has it.
func (f wireField) int32(to *int32) error {
	if f.wire != protowire.VarintType {
		return f.mistyped()
	}
	*to = int32(f.varint) //nolint:gosec // A negative number is sent as its two's complement, of 64 bits.
	return nil
}

// entry returns an entry of a map of strings. The bytes are parts of the message that was read, not copies.
func (f wireField) entry() (key, value []byte, err error) {
	err = f.message(func(f wireField) error {
		if f.number > entryValue {
			return nil
		}
		if f.wire != protowire.BytesType {
			return f.mistyped()
		}
		if f.number == entryKey {
			key = f.bytes
		} else {
			value = f.bytes
		}
		return nil
	})
	return key, value, err
}

// The fields of an entry of a map, by the specification of protobuf.
const (
	entryKey   = 1
	entryValue = 2
)

func (f wireField) mistyped() error {
	return fmt.Errorf("field %d has the wire type %d, which is not its own", f.number, f.wire)
}
