//! What is remembered of a million addresses, and of those that have spent much.

use std::net::Ipv4Addr;
use std::time::Duration;

use crate::world::Hand;

const MILLION: u32 = 1_000_000;
const ROOM: usize = 10_000;

fn address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0000 + number)
}

#[test]
fn a_million_addresses_take_no_more_places_than_there_are() {
    let limiter = Hand::default().limiter("5/60").with_room_for(ROOM);
    for number in 0..MILLION {
        assert_eq!(limiter.check(&address(number), 1).unwrap().units(), 4);
    }
    assert_eq!(limiter.keys(), ROOM);
}

#[test]
fn a_million_addresses_make_it_forget_none_that_owes_more() {
    let limiter = Hand::default().limiter("5/60").with_room_for(ROOM);
    let hot: Vec<_> = (0..20).map(|number| format!("spent {number}")).collect();
    for key in &hot {
        limiter.check(key, 5).unwrap();
    }
    for number in 0..MILLION {
        limiter.check(&address(number), 1).unwrap();
    }
    for key in &hot {
        assert!(limiter.check(key, 1).is_err(), "{key} may spend anew");
    }
}

/// Which keys share a place is a secret, so whoever wants one forgotten has to fill all places.
#[test]
fn to_be_forgotten_takes_about_as_much_debt_as_there_are_places() {
    let mut least = u32::MAX;
    for _ in 0..20 {
        let limiter = Hand::default().limiter("5/60").with_room_for(ROOM);
        limiter.check("hot", 5).unwrap();
        let mut spent = 0;
        while limiter.peek("hot").units() == 0 {
            limiter.check(&address(spent), 5).unwrap();
            spent += 1;
        }
        least = least.min(spent);
    }
    // On average it takes as many as there is room for; of 20 times, one takes fewer.
    assert!(least as usize > ROOM / 5, "{least} keys were enough");
}

#[test]
fn places_are_free_once_the_debt_is_paid() {
    let hand = Hand::default();
    let limiter = hand.limiter("5/60").with_room_for(ROOM);
    for number in 0..MILLION / 10 {
        limiter.check(&address(number), 5).unwrap();
    }
    assert_eq!(limiter.keys(), ROOM);
    hand.advance(Duration::from_secs(60));
    assert_eq!(limiter.keys(), 0);
    // All of them are there for others, and none of those owes what its predecessor did.
    let new = (0..1000).filter(|number| limiter.check(&address(MILLION + number), 5).is_ok());
    assert_eq!(new.count(), 1000);
    assert_eq!(limiter.keys(), 1000);
}

#[test]
fn half_as_many_keys_as_places_are_all_kept() {
    let limiter = Hand::default().limiter("5/60").with_room_for(ROOM);
    let half = u32::try_from(ROOM / 2).unwrap();
    for number in 0..half {
        limiter.check(&address(number), 5).unwrap();
    }
    // Chance: of 625 places with 8 keys on average, a few have more than 16.
    let forgotten = (0..half).filter(|number| limiter.peek(&address(*number)).units() > 0).count();
    assert!(forgotten < ROOM / 100, "{forgotten} were forgotten");
}

#[test]
fn there_is_room_for_one_at_least() {
    let limiter = Hand::default().limiter("1/60").with_room_for(0);
    assert!(limiter.check("key", 1).is_ok());
    assert!(limiter.check("key", 1).is_err());
}
