//! Memory for bodies. Small ones always find room: there are no more of them than connections. What is longer is
//! counted, for all keys and for each: what arrives from its first byte until its request is answered, and an answer until it
//! is fetched. Where there is no room the request is told to come back. So no number of clients that send or fetch slowly can
//! fill the memory.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use uuid::Uuid;

use super::problem::Problem;

/// Bytes of bodies in all, and of one key.
const IN_ALL: usize = 256 << 20;
const OF_A_KEY: usize = 64 << 20;
/// So many bytes of a body are not counted.
const SMALL: usize = 16 << 10;

/// Who holds how much.
#[derive(Clone, Debug, Default)]
pub struct Room(Arc<Mutex<HashMap<Uuid, usize>>>);

/// What a request holds of it.
#[derive(Debug)]
pub struct Held {
    room: Room,
    key: Uuid,
    counted: usize,
}

impl Room {
    /// Nothing yet, for a key.
    pub fn of(&self, key: Uuid) -> Held {
        Held {
            room: self.clone(),
            key,
            counted: 0,
        }
    }
}

impl Held {
    /// Room for a body that is so long by now.
    pub fn grow(&mut self, length: usize) -> Result<(), Problem> {
        if length <= SMALL.max(self.counted) {
            return Ok(());
        }
        let more = length - self.counted;
        let fits = |all: usize, own: usize| all + more <= IN_ALL && own + more <= OF_A_KEY;
        self.count(length, fits)
    }

    /// Room for an answer that is so long. One that is longer than a key's room goes out while the key has no other.
    pub fn answer(&mut self, length: usize) -> Result<(), Problem> {
        if length <= SMALL {
            return Ok(());
        }
        let fits = |all: usize, own: usize| {
            all == 0 || (all.saturating_add(length) <= IN_ALL && (own == 0 || own + length <= OF_A_KEY))
        };
        self.count(length, fits)
    }

    /// Room for what is done already, whether there is any or not.
    pub fn must_answer(&mut self, length: usize) {
        if length > SMALL {
            self.count(length, |_, _| true).ok();
        }
    }

    fn count(&mut self, length: usize, fits: impl Fn(usize, usize) -> bool) -> Result<(), Problem> {
        let mut room = self.room.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = room.values().sum();
        let own = room.get(&self.key).copied().unwrap_or_default();
        if !fits(all, own) {
            return Err(Problem::overloaded(2));
        }
        room.insert(self.key, own + length - self.counted);
        self.counted = length;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.counted == 0 {
            return;
        }
        let mut room = self.room.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = room.get_mut(&self.key) {
            *own = own.saturating_sub(self.counted);
            if *own == 0 {
                room.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_bodies_always_find_room() {
        let room = Room::default();
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut large: Vec<Held> = (0..4).map(|nth| room.of(Uuid::from_u128(10 + nth))).collect();
        for held in &mut large {
            held.grow(OF_A_KEY).expect("room");
        }
        assert!(room.of(one).grow(SMALL + 1).is_err(), "there is no room left");
        assert!(room.of(one).grow(SMALL).is_ok());
        large.pop();
        assert!(room.of(other).grow(SMALL + 1).is_ok());
    }

    #[test]
    fn a_key_cannot_take_all_of_it_and_gives_it_back() {
        let room = Room::default();
        let key = Uuid::from_u128(1);
        let mut bodies: Vec<Held> = (0..64).map(|_| room.of(key)).collect();
        for body in &mut bodies {
            body.grow(1 << 19).expect("room");
            body.grow(1 << 20).expect("room");
        }
        assert!(room.of(key).grow(1 << 20).is_err());
        assert!(room.of(Uuid::from_u128(2)).grow(1 << 20).is_ok());
        drop(bodies);
        assert!(room.0.lock().expect("no panic").is_empty());
    }

    #[test]
    fn an_answer_of_any_length_goes_out_while_the_key_has_no_other() {
        let room = Room::default();
        let key = Uuid::from_u128(1);
        let mut archive = room.of(key);
        archive.answer(2 * OF_A_KEY).expect("room");
        assert!(room.of(key).answer(SMALL + 1).is_err());
        assert!(room.of(key).answer(SMALL).is_ok());
        assert!(room.of(Uuid::from_u128(2)).answer(OF_A_KEY).is_ok());
        assert!(
            room.of(Uuid::from_u128(3)).answer(3 * OF_A_KEY).is_err(),
            "for all there is no more"
        );
        let mut done = room.of(key);
        done.must_answer(IN_ALL);
        drop((archive, done));
        assert!(room.0.lock().expect("no panic").is_empty());
    }
}
