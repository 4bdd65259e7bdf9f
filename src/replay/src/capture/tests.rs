use super::*;

/// Integers in the byte order of the file that is being made.
struct Bytes {
    big: bool,
    bytes: Vec<u8>,
}

impl Bytes {
    fn new(big: bool) -> Self {
        Bytes { big, bytes: Vec::new() }
    }

    fn u16(mut self, value: u16) -> Self {
        self.bytes.extend(if self.big { value.to_be_bytes() } else { value.to_le_bytes() });
        self
    }

    fn u32(mut self, value: u32) -> Self {
        self.bytes.extend(if self.big { value.to_be_bytes() } else { value.to_le_bytes() });
        self
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend(bytes);
        self
    }

    fn padded(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend(bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self
    }

    fn block(self, kind: u32, body: Bytes) -> Self {
        let length = body.bytes.len() as u32 + 12;
        self.u32(kind).u32(length).raw(&body.bytes).u32(length)
    }

    fn section(self) -> Self {
        let body = Bytes::new(self.big).u32(0x1a2b_3c4d).u16(1).u16(0).u32(u32::MAX).u32(u32::MAX);
        self.block(pcapng::SECTION_HEADER, body)
    }

    fn interface(self, link_type: u16, options: Bytes) -> Self {
        let body = Bytes::new(self.big).u16(link_type).u16(0).u32(0).raw(&options.bytes);
        self.block(1, body)
    }

    fn enhanced(self, interface: u32, ticks: u64, frame: &[u8]) -> Self {
        let length = frame.len() as u32;
        let body = Bytes::new(self.big)
            .u32(interface)
            .u32((ticks >> 32) as u32)
            .u32(ticks as u32)
            .u32(length)
            .u32(length)
            .padded(frame);
        self.block(6, body)
    }
}

fn pcap(big: bool, magic: u32, link_type: u32, records: &[(u32, u32, &[u8], u32)]) -> Vec<u8> {
    let mut file = Bytes::new(big).u32(magic).u16(2).u16(4).u32(0).u32(0).u32(64).u32(link_type);
    for (seconds, fraction, frame, original) in records {
        file = file.u32(*seconds).u32(*fraction).u32(frame.len() as u32).u32(*original).raw(frame);
    }
    file.bytes
}

fn read(file: &[u8]) -> Result<(Vec<Record>, Option<u64>), CaptureError> {
    let mut reader = Reader::new(file)?;
    let mut records = Vec::new();
    while let Some(record) = reader.next_record()? {
        records.push(record);
    }
    Ok((records, reader.cut_at()))
}

fn record(nanos: u64, bytes: &[u8], original_length: u32) -> Record {
    Record { time: Instant::from_nanos(nanos), bytes: bytes.to_vec(), original_length }
}

#[test]
fn pcap_is_read_in_both_orders_and_units() {
    for big in [false, true] {
        for (magic, unit) in [(0xa1b2_c3d4, 1_000), (0xa1b2_3c4d, 1)] {
            // The second frame is longer than the file's snapshot length says it may be, the third was cut by it.
            let file = pcap(big, magic, 1, &[(7, 5, b"abc", 3), (8, 0, &[9; 90], 90), (9, 1, b"de", 1_500)]);
            let (records, cut) = read(&file).expect("a capture");
            assert_eq!(
                records,
                [
                    record(7_000_000_000 + 5 * unit, b"abc", 3),
                    record(8_000_000_000, &[9; 90], 90),
                    record(9_000_000_000 + unit, b"de", 1_500)
                ]
            );
            assert_eq!(cut, None);
        }
    }
}

#[test]
fn a_file_cut_anywhere_gives_the_records_before_and_says_where() {
    let file = pcap(false, 0xa1b2_3c4d, 1, &[(1, 0, b"first", 5), (2, 0, b"second", 6)]);
    let second = 24 + 16 + 5;
    for end in second + 1..file.len() {
        let (records, cut) = read(&file[..end]).expect("a capture");
        assert_eq!((records.len(), cut), (1, Some(second as u64)));
    }
    for end in 4..24 {
        let error = read(&file[..end]).expect_err("no header");
        assert!(matches!(error.fault, CaptureFault::HeaderCut), "{error}");
    }

    let ng = Bytes::new(true).section().interface(1, Bytes::new(true)).enhanced(0, 1, b"first");
    let second = ng.bytes.len();
    let ng = ng.enhanced(0, 2, b"second");
    for end in second + 1..ng.bytes.len() {
        let (records, cut) = read(&ng.bytes[..end]).expect("a capture");
        assert_eq!((records.len(), cut), (1, Some(second as u64)));
    }
}

#[test]
fn other_link_types_are_named() {
    let error = read(&pcap(false, 0xa1b2_c3d4, 113, &[])).expect_err("not Ethernet");
    assert!(matches!(error.fault, CaptureFault::LinkType(113)));
    assert!(error.to_string().contains("link type 113 (Linux cooked)"), "{error}");
    // The length of the frame check sequence is no part of the link type.
    assert!(read(&pcap(false, 0xa1b2_c3d4, 0x4400_0001, &[])).is_ok());

    // In pcapng only an interface that has frames matters.
    let file = Bytes::new(false).section().interface(1, Bytes::new(false)).interface(0, Bytes::new(false));
    let file = file.enhanced(0, 0, b"one");
    assert_eq!(read(&file.bytes).expect("Ethernet").0.len(), 1);
    let offset = file.bytes.len() as u64;
    let error = read(&file.enhanced(1, 0, b"two").bytes).expect_err("not Ethernet");
    assert_eq!(error.offset, offset);
    assert!(matches!(error.fault, CaptureFault::LinkType(0)));
}

#[test]
fn what_is_no_capture_is_refused_with_its_first_bytes() {
    for file in [&b""[..], b"abc", b"RIFFabcd", &[0x1f, 0x8b, 8, 0, 0]] {
        let error = read(file).expect_err("no capture");
        assert!(matches!(error.fault, CaptureFault::NotACapture(_)), "{error}");
    }
    let gzip = read(&[0x1f, 0x8b, 8, 0, 0]).expect_err("packed").to_string();
    assert!(gzip.contains("gunzip"), "{gzip}");
}

#[test]
fn pcapng_is_read_with_its_sections_interfaces_and_clocks() {
    for big in [false, true] {
        let order = || Bytes::new(big);
        let nanos = order().u16(9).u16(1).padded(&[9]).u16(0).u16(0);
        let binary = order().u16(2).u16(3).padded(b"eth").u16(9).u16(1).padded(&[0x80 | 10]);
        // if_tsoffset is one 64-bit integer.
        let ahead = if big { 100_u64.to_be_bytes() } else { 100_u64.to_le_bytes() };
        let offset = order().u16(14).u16(8).raw(&ahead);
        let file = order()
            .section()
            .interface(1, order())
            .interface(1, nanos)
            .interface(1, binary)
            .interface(1, offset)
            .block(5, order().u32(0).raw(&[0; 40]))
            .enhanced(0, 3, b"micro")
            .enhanced(1, 4, b"nano")
            .enhanced(2, 1_024 + 512, b"binary")
            .enhanced(3, 5, b"offset")
            .block(3, order().u32(6).padded(b"simple"))
            .block(2, order().u16(0).u16(0).u32(0).u32(7).u32(8).u32(99).padded(b"obsolete"));
        // A second section in the other byte order forgets the interfaces.
        let mut other = Bytes::new(!big).section();
        let (records, cut) = read(&[&file.bytes[..], &other.bytes].concat()).expect("a capture");
        assert_eq!(
            records,
            [
                record(3_000, b"micro", 5),
                record(4, b"nano", 4),
                record(1_500_000_000, b"binary", 6),
                record(100_000_005_000, b"offset", 6),
                record(100_000_005_000, b"simple", 6),
                record(7_000, b"obsolete", 99),
            ]
        );
        assert_eq!(cut, None);
        other = other.enhanced(0, 0, b"x");
        let error = read(&[&file.bytes[..], &other.bytes].concat()).expect_err("no interface");
        assert!(matches!(error.fault, CaptureFault::UnknownInterface(0)), "{error}");
    }
}

#[test]
fn blocks_that_contradict_themselves_are_refused_where_they_stand() {
    let start = Bytes::new(false).section().interface(1, Bytes::new(false));
    let offset = start.bytes.len() as u64;
    let cases: [(Bytes, &str); 6] = [
        (Bytes::new(false).u32(6).u32(11), "11 bytes"),
        (Bytes::new(false).u32(6).u32(33), "33 bytes"),
        (Bytes::new(false).u32(6).u32(0x4000_0000), "bytes long"),
        (Bytes::new(false).u32(77).u32(16).u32(0).u32(20), "at its end 20"),
        (Bytes::new(false).block(6, Bytes::new(false).u32(0)), "16 bytes"),
        (
            Bytes::new(false).block(6, Bytes::new(false).u32(0).u32(0).u32(0).u32(8).u32(8).u32(0)),
            "a record of 8 bytes",
        ),
    ];
    for (block, expected) in cases {
        let error = read(&[&start.bytes[..], &block.bytes].concat()).expect_err(expected);
        assert_eq!(error.offset, offset);
        assert!(error.to_string().contains(expected), "{error}");
    }
    let long = pcap(false, 0xa1b2_c3d4, 1, &[]);
    let long = [&long[..], &Bytes::new(false).u32(0).u32(0).u32(1 << 30).u32(1 << 30).bytes].concat();
    let error = read(&long).expect_err("too long");
    assert!(matches!(error.fault, CaptureFault::RecordLength(_)) && error.offset == 24, "{error}");
}

#[test]
fn clocks_of_any_resolution_saturate() {
    for resolution in 0..=255 {
        let options = Bytes::new(false).u16(9).u16(1).padded(&[resolution]);
        let far = Bytes::new(false).u16(9).u16(1).padded(&[resolution]).u16(14).u16(8).raw(&[0xff; 8]);
        let file = Bytes::new(false).section().interface(1, options).interface(1, far);
        let file = file.enhanced(0, u64::MAX, b"").enhanced(1, 0, b"");
        let (records, _) = read(&file.bytes).expect("a capture");
        assert_eq!(records[1].time, Instant::ZERO, "one second before the epoch");
    }
}

#[test]
fn what_is_written_is_read() {
    let records = [record(1_700_000_000_123_456_789, b"frame", 5), record(u64::MAX, &[1; 70_000], 80_000)];
    let mut writer = Writer::new(Vec::new()).expect("memory");
    for Record { time, bytes, original_length } in &records {
        writer.write(*time, bytes, *original_length).expect("memory");
    }
    let file = writer.finish().expect("memory");
    let (read, cut) = read(&file).expect("a capture");
    assert_eq!(cut, None);
    assert_eq!(read[0], records[0]);
    assert_eq!((&read[1].bytes, read[1].original_length), (&records[1].bytes, 80_000));
    assert_eq!(read[1].time.as_nanos() / 1_000_000_000, u64::from(u32::MAX));
}

#[test]
fn any_bytes_after_any_magic_are_survived() {
    // Bytes of a small generator: what matters is the number of tries, and that each can be repeated.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let ng = Bytes::new(false).section().interface(1, Bytes::new(false)).enhanced(0, 1, b"first frame");
    let old = pcap(true, 0xa1b2_c3d4, 1, &[(1, 2, b"a frame of some length", 22)]);
    for _ in 0..20_000 {
        let mut file = if next() % 2 == 0 { ng.bytes.clone() } else { old.clone() };
        for _ in 0..=next() % 6 {
            let at = next() as usize % file.len();
            file[at] = next() as u8;
        }
        file.truncate(4 + next() as usize % file.len());
        let _ = read(&file);
    }
}
