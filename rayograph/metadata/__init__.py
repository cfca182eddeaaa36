"""What files say of themselves: EXIF, IPTC, XMP, and what AI image tools write into pictures."""
