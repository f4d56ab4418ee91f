package unstale

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"

	"github.com/klauspost/compress/zstd"
)

// A sealer makes of bytes what is stored elsewhere, and the reverse. What is sealed is
// encrypted and authenticated, with the name under which it is stored and what tells
// programs, deployments and formats apart: whatever else lies under that name, be it
// damaged, made up, or sealed for another one, is not opened.
//
// Each has a key of its own, which follows from a salt of 128 bits, so that there are
// always fewer of them than salts that could meet.
type sealer struct {
	secret   [32]byte
	context  [32]byte
	maxBytes int
	packer   *zstd.Encoder
	unpacker *zstd.Decoder
}

const (
	saltBytes  = 16
	packFrom   = 1 << 10 // smaller ones are not compressed
	maxUnpacks = 4       // how much longer something may be than when it is packed, in the bound
	sealMark   = 0xa1    // the first byte
	packedFlag = 1
)

func newSealer(secret, context [32]byte, maxBytes int) *sealer {
	s := &sealer{secret: secret, context: context, maxBytes: maxBytes}
	// These options are known to be right.
	s.packer, _ = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(256<<10))
	s.unpacker, _ = zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(uint64(maxUnpacks*maxBytes)))
	return s
}

// seal returns what is stored under a name, or ok false if that is more than may be.
func (s *sealer) seal(name string, plain []byte, pack bool) (sealed []byte, ok bool) {
	if len(plain) > maxUnpacks*s.maxBytes {
		return nil, false
	}
	flags := byte(0)
	if pack && len(plain) >= packFrom {
		if packed := s.packer.EncodeAll(plain, nil); len(packed) < len(plain) {
			plain, flags = packed, packedFlag
		}
	}
	if len(plain) > s.maxBytes {
		return nil, false
	}
	sealed = make([]byte, 2+saltBytes, 2+saltBytes+len(plain)+16)
	sealed[0], sealed[1] = sealMark, flags
	_, _ = rand.Read(sealed[2:]) // never fails
	var nonce [12]byte           // the key is used once
	return s.cipher(sealed[2:]).Seal(sealed, nonce[:], plain, s.about(name, flags)), true
}

// open is the reverse of seal. ok is false for whatever seal has not made under that name.
func (s *sealer) open(name string, sealed []byte) (plain []byte, ok bool) {
	if len(sealed) < 2+saltBytes+16 || len(sealed) > s.maxBytes+2+saltBytes+16 || sealed[0] != sealMark || sealed[1] > packedFlag {
		return nil, false
	}
	var nonce [12]byte
	flags := sealed[1]
	plain, err := s.cipher(sealed[2:2+saltBytes]).Open(nil, nonce[:], sealed[2+saltBytes:], s.about(name, flags))
	if err != nil {
		return nil, false
	}
	if flags&packedFlag != 0 {
		if plain, err = s.unpacker.DecodeAll(plain, nil); err != nil || len(plain) > maxUnpacks*s.maxBytes {
			return nil, false
		}
	}
	return plain, true
}

// about returns what is authenticated besides.
func (s *sealer) about(name string, flags byte) []byte {
	b := append(make([]byte, 0, len(s.context)+1+len(name)), s.context[:]...)
	return append(append(b, flags), name...)
}

// cipher returns that of a salt.
func (s *sealer) cipher(salt []byte) cipher.AEAD {
	m := hmac.New(sha256.New, s.secret[:])
	_, _ = m.Write(salt)
	// A key of 32 bytes is right for both.
	block, _ := aes.NewCipher(m.Sum(nil))
	aead, _ := cipher.NewGCM(block)
	return aead
}

func (s *sealer) close() {
	_ = s.packer.Close()
	s.unpacker.Close()
}
