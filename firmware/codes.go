package firmware

import (
	"fmt"
	"slices"
)

// Code is the stable word for why an image, a package or a key list is not taken. Programs
// may depend on it.
type Code string

// The codes.
const (
	CodeNotAnImage       Code = "not-an-image"
	CodeImageDamaged     Code = "image-damaged"
	CodePackageDamaged   Code = "package-damaged"
	CodePackageMixed     Code = "package-mixed"
	CodeBadSignature     Code = "bad-signature"
	CodeRevokedKey       Code = "revoked-key"
	CodeWrongProduct     Code = "wrong-product"
	CodeWrongModel       Code = "wrong-model"
	CodeWrongPlatform    Code = "wrong-platform"
	CodeWrongChannel     Code = "wrong-channel"
	CodeAlreadyInstalled Code = "already-installed"
	CodeDowngrade        Code = "downgrade"
	CodeSecurityCounter  Code = "security-counter"
	CodeSourceTooOld     Code = "source-too-old"
	CodeStateUnreadable  Code = "state-unreadable"
	CodeExpired          Code = "expired"
	CodeToolTooOld       Code = "tool-too-old"
	CodeClientTooOld     Code = "client-too-old"
	CodeBadKeyList       Code = "bad-key-list"
	CodeOldKeyList       Code = "old-key-list"
	CodeLeased           Code = "leased"
	CodeNoUpgrade        Code = "no-upgrade"
	CodeTrialInProgress  Code = "trial-in-progress"
	CodeRevenueLocked    Code = "revenue-locked"
	CodeNoSpace          Code = "no-space"
)

// CodeInfo is one line of the page of refusals.
type CodeInfo struct {
	Code     Code
	Sentence string // what it means
	Remedy   string // what to do
}

// Codes lists every code.
func Codes() []CodeInfo { return slices.Clone(codes[:]) }

var codes = [...]CodeInfo{
	{CodeNotAnImage, "the file is no firmware image, and no package of one", "use the .upx or the .zip of the release; the content decides, not the name"},
	{CodeImageDamaged, "the image is damaged, cut short, or not in one piece with its manifest", "fetch it again; `hepmeter image inspect` tells what is wrong"},
	{CodePackageDamaged, "the package is damaged, or holds what does not belong in one", "fetch it again, or use the bare .upx, which is checked as well"},
	{CodePackageMixed, "the manifest in the package is not that of the image in it", "fetch the package of the release again: this one was put together of two"},
	{CodeBadSignature, "the image is not signed by a key that this meter trusts", "use an image of the release, or have the owner put the signer's .pub file into the folder trust of the meter's data directory"},
	{CodeRevokedKey, "the key that signed the image has been revoked", "use an image that was signed with a newer key; do not use this one anywhere"},
	{CodeWrongProduct, "the image is of another product", "use one that was built with `hepmeter image build`"},
	{CodeWrongModel, "the image is for other models of meter", "use the image for this model"},
	{CodeWrongPlatform, "the image is for another operating system or processor", "use the image for the machine that the meter runs on"},
	{CodeWrongChannel, "the image is for another customer or region", "use the image for this meter's channel"},
	{CodeAlreadyInstalled, "the meter runs this version already", "nothing needs to be done"},
	{CodeDowngrade, "the image is older than what the meter runs, and there is no way back", "use a newer one; only an upgrade that is on trial can be returned"},
	{CodeSecurityCounter, "the image would bring back what a later release has mended: its security counter is lower than the meter's", "use a release whose security counter is at least the meter's"},
	{CodeSourceTooOld, "the firmware of the meter is too old to go to this one at once", "upgrade by the steps that the reason names"},
	{CodeStateUnreadable, "the firmware of the image cannot read what the meter keeps", "use an image whose state schemas include the meter's"},
	{CodeExpired, "the image has expired", "use a newer release, or set the meter's clock if it is wrong; an administrator can order it all the same, which is logged"},
	{CodeToolTooOld, "the setup tool is too old for this image", "update the tool (hepsetup comes with hepmeter; `hepsetup version` states its level)"},
	{CodeClientTooOld, "the client speaks too old a protocol to bring this image to a meter of firmware 3.x", "use a newer client; nothing has been sent"},
	{CodeBadKeyList, "the key list is not signed by a key that may sign lists, or makes no sense", "make it with `hepmeter image rotate` and a key that the meter trusts"},
	{CodeOldKeyList, "the meter has a key list as new as this one, or newer", "nothing needs to be done; a new list is made with `hepmeter image rotate --after` the last one"},
	{CodeLeased, "somebody else is upgrading this meter", "wait until he has finished, or for two minutes after his last word; what he has sent stays"},
	{CodeNoUpgrade, "there is no upgrade for which this could be done now", "see `hepsetup upgrade-status` for how far it has come"},
	{CodeTrialInProgress, "new firmware is on trial", "wait for its end, or end it with `hepsetup upgrade-status --commit` or `--rollback`"},
	{CodeRevenueLocked, "the meter is revenue-locked: an image can be sent, and not activated", "break the seal, unlock the meter, activate, lock it again"},
	{CodeNoSpace, "there is no room for it in the meter", "delete files that are not needed"},
}

// Refusal is why something is not taken: a code for programs, a reason and a remedy for people.
type Refusal struct {
	Code           Code
	Reason, Remedy string
}

// Error says why, and what to do.
func (r *Refusal) Error() string { return fmt.Sprintf("%s (%s); %s", r.Reason, r.Code, r.Remedy) }

// Refuse returns the refusal of a code, with the code's own sentence where reason is empty.
func Refuse(code Code, reason string, args ...any) *Refusal {
	r := &Refusal{Code: code, Reason: fmt.Sprintf(reason, args...)}
	for _, known := range codes {
		if known.Code == code {
			r.Remedy = known.Remedy
			if reason == "" {
				r.Reason = known.Sentence
			}
		}
	}
	return r
}
