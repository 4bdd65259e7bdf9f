//! Media that does not come or go as it was said, and keys over the end of SecureMode.

use core::time::Duration;

use handover::Side;
use keyhush_tests::appliance::Appliance;
use keyhush_tests::frame::{self, Tag};
use keyhush_tests::leg::Leg;
use keyhush_tests::scene::{Carries, Kind, Scene};
use keyhush_tests::seen::Seen;

use crate::attack::*;

/// An agent at home behind NAT gets media where its own comes from. Software on the agent's machine sends 1000 packets a
/// second from sixty other ports, to push the learned place out.
#[test]
fn the_learned_place_of_an_agent_at_home_is_not_pushed_out() {
    let mut scene = Scene::default();
    let mut leg = Leg::new(1);
    leg.sdp[1].media = "192.168.1.23:7078".parse().expect("an address");
    send_to(&mut leg, "203.0.113.77:41999");
    leg.set_up(&mut scene);
    leg.talk(&mut scene, 200);
    let mut at = scene.now;
    press_all(&mut leg, &mut scene, b"49291881");
    let end = scene.now;
    let mut noise = leg.streams[1].clone();
    for number in 0_u32.. {
        if at >= end {
            break;
        }
        let port = 50_000 + number * 7_919 % 61;
        let source = format!("203.0.113.77:{port}").parse().expect("an address");
        let packet = noise.packet(0, false, 0, &[0; 160]);
        let flood =
            frame::udp(Side::Customer, &[], source, leg.sdp[0].media, scene.identification(), &packet);
        scene.send_at(at, Side::Customer, Kind::Media, Carries::Nothing, flood);
        at = at + Duration::from_millis(1);
    }
    assert_no_event_leaves(&scene, EVENT);
}

/// The VLAN tags of signalling and of media, each from the carrier's and from the customer's side.
struct Tags {
    signalling: [&'static [Tag]; 2],
    media: [&'static [Tag]; 2],
}

fn assert_no_event_leaves_under(tags: &Tags) {
    let (mut scene, mut leg) = call();
    press_all(&mut leg, &mut scene, b"4929");
    for sent in &mut scene.sent {
        let seen = Seen::of(&sent.frame).expect("a datagram");
        let is_sip = contains(&sent.frame[seen.payload], "SIP/2.0");
        let under = if is_sip { tags.signalling } else { tags.media };
        sent.frame = frame::ethernet(sent.from, under[sent.from as usize], 0x0800, &sent.frame[14..]);
    }
    assert_no_event_leaves(&scene, EVENT);
}

/// VLAN 0 is no VLAN but a priority (IEEE 802.1Q clause 6.9). Voice gateways tag what they send so and take untagged
/// frames, so each direction looks different.
#[test]
fn priority_tags_from_one_side_only() {
    const PRIORITY: &[Tag] = &[Tag::dot1q(0)];
    assert_no_event_leaves_under(&Tags { signalling: [PRIORITY, &[]], media: [PRIORITY, &[]] });
}

/// The same where only media is given priority.
#[test]
fn priority_tags_on_media_only() {
    const PRIORITY: &[Tag] = &[Tag::dot1q(0)];
    assert_no_event_leaves_under(&Tags { signalling: [&[], &[]], media: [PRIORITY, PRIORITY] });
}

/// SBCs have an interface for signalling and one for media, each on its VLAN, on the same link.
#[test]
fn media_on_a_vlan_of_its_own() {
    const SIGNALLING: &[Tag] = &[Tag::dot1q(10)];
    const MEDIA: &[Tag] = &[Tag::dot1q(20)];
    assert_no_event_leaves_under(&Tags { signalling: [SIGNALLING; 2], media: [MEDIA; 2] });
}

/// The key is down when SecureMode ends: its later packets, the end packet three times, still tell it.
#[test]
fn a_key_held_down_over_the_end_of_secure_mode() {
    let (mut scene, mut leg) = call();
    let mut appliance = Appliance::new(2);
    appliance.carry(&scene.in_order());
    scene.sent.clear();
    assert!(appliance.secure(&leg.call_id));
    scene.pass(100);
    press_to_a_mute_agent(&mut leg, &mut scene, b"5");
    let (before, after) = scene.sent.split_at(3);
    appliance.carry(before);
    assert!(appliance.release(&leg.call_id));
    appliance.take_left();
    appliance.carry(after);
    let left = appliance.take_left();
    assert_eq!(left.len(), after.len());
    let leaving = events_read(left.iter().map(|left| &left.frame[..]), EVENT);
    assert!(leaving.is_empty(), "{leaving:?} leaves when SecureMode is over");

    // The next key is none of SecureMode's.
    scene.sent.clear();
    scene.pass(1_500);
    press_to_a_mute_agent(&mut leg, &mut scene, b"7");
    appliance.carry(&scene.sent);
    let left = appliance.take_left();
    assert_eq!(events_read(left.iter().map(|left| &left.frame[..]), EVENT), [7]);
}
