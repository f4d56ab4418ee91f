package avatar

import (
	"encoding/binary"
	"image"
)

// orientation returns how a JPEG's EXIF data says that it was taken, from 1 to 8
// as EXIF numbers them: 1, upright, where it says nothing that can be
// understood. Cameras do not turn the pixels themselves.
func orientation(file []byte) int {
	if len(file) < 2 || file[0] != 0xff || file[1] != 0xd8 {
		return 1
	}
	for rest := file[2:]; len(rest) >= 4 && rest[0] == 0xff; {
		marker, length := rest[1], int(binary.BigEndian.Uint16(rest[2:]))
		if marker == 0xda || length < 2 || 2+length > len(rest) {
			break // the pixels begin, or the file makes no sense
		}
		segment := rest[4 : 2+length]
		const exif = "Exif\x00\x00"
		if marker == 0xe1 && len(segment) > len(exif) && string(segment[:len(exif)]) == exif {
			return orientationTag(segment[len(exif):])
		}
		rest = rest[2+length:]
	}
	return 1
}

// orientationTag looks for the tag in the first directory of a TIFF structure.
func orientationTag(tiff []byte) int {
	var order binary.ByteOrder = binary.BigEndian
	if len(tiff) < 8 {
		return 1
	}
	if tiff[0] == 'I' {
		order = binary.LittleEndian
	}
	start := int64(order.Uint32(tiff[4:]))
	if start+2 > int64(len(tiff)) {
		return 1
	}
	directory := tiff[start:]
	count := int(order.Uint16(directory))
	const entry, tag, short = 12, 0x0112, 3
	for i := range count {
		at := 2 + i*entry
		if at+entry > len(directory) {
			break
		}
		e := directory[at:]
		if order.Uint16(e) == tag && order.Uint16(e[2:]) == short {
			if v := int(order.Uint16(e[8:])); v >= 1 && v <= 8 {
				return v
			}
		}
	}
	return 1
}

// upright returns the square m turned so that up is up.
func upright(m *image.RGBA, orientation int) *image.RGBA {
	if orientation == 1 {
		return m
	}
	last := m.Bounds().Dx() - 1
	turned := image.NewRGBA(m.Bounds())
	for y := range last + 1 {
		for x := range last + 1 {
			fx, fy := x, y // where the pixel comes from
			if orientation >= 5 {
				fx, fy = y, x
			}
			switch orientation {
			case 2, 8:
				fx = last - fx
			case 3, 7:
				fx, fy = last-fx, last-fy
			case 4, 6:
				fy = last - fy
			}
			turned.SetRGBA(x, y, m.RGBAAt(fx, fy))
		}
	}
	return turned
}
