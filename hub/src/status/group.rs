//! Puts together what has the same cause, over the fleet. Pure.

use std::borrow::Cow;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use pmp_protocol::OrganizationId;

use crate::status::cause;

/// Something that concerns an organization, or the fleet, for a reason.
pub(crate) trait Caused {
    /// What is told apart before the reason is: the state, or the kind of exception. In the order
    /// in which it is shown.
    type Class: Ord + Copy;

    fn class(&self) -> Self::Class;
    /// None where it concerns the fleet.
    fn organization(&self) -> Option<&OrganizationId>;
    /// Why, in a sentence.
    fn cause(&self) -> Cow<'_, str>;
}

/// Items of one class with one cause.
#[derive(Debug, Clone)]
pub(crate) struct Group<'a, T: Caused> {
    pub(crate) class: T::Class,
    /// At least one, in the order in which they were given.
    pub(crate) members: Vec<&'a T>,
    /// What their reasons have in common.
    pub(crate) cause: String,
    /// How many other reasons there are in it: of one organization that gives many.
    pub(crate) other_causes: usize,
}

impl<T: Caused> Group<'_, T> {
    pub(crate) fn organizations(&self) -> BTreeSet<&OrganizationId> {
        self.members.iter().filter_map(|member| member.organization()).collect()
    }
}

/// Up to so many causes of one class, each is a group of its own. The number is a choice: a screen
/// of 24 lines holds them beside those of the other classes.
const MANY: usize = 6;

/// Groups the items by class, and in a class by cause, those first that concern the most
/// organizations.
///
/// Where a class has more than [`MANY`] causes, those that one organization gives alone become one
/// group: whatever that organization writes, it takes no room from others (rule 11 of the design).
/// An example: twelve organizations are silent, and `o-mallory000` reports ten errors, each with
/// another text. The ten are one group, "and 9 other causes".
pub(crate) fn group<'a, T: Caused>(items: impl IntoIterator<Item = &'a T>) -> Vec<Group<'a, T>> {
    let mut by_cause = BTreeMap::<(T::Class, String), Vec<&T>>::new();
    for item in items {
        by_cause.entry((item.class(), cause::key(&item.cause()))).or_default().push(item);
    }
    let mut in_class = BTreeMap::<T::Class, usize>::new();
    for (class, _) in by_cause.keys() {
        *in_class.entry(*class).or_default() += 1;
    }
    let mut groups: Vec<Group<'a, T>> = Vec::new();
    let mut alone = BTreeMap::<(T::Class, Option<&OrganizationId>), Group<'a, T>>::new();
    for ((class, _), members) in by_cause {
        let causes: Vec<Cow<'_, str>> = members.iter().map(|member| member.cause()).collect();
        let cause = cause::common(causes.iter().map(AsRef::as_ref));
        let first = members[0].organization();
        let of_one = members.iter().all(|member| member.organization() == first);
        let group = Group { class, members, cause, other_causes: 0 };
        // A cause that several organizations share is told by itself, whatever else there is.
        if !of_one || in_class.get(&class).is_none_or(|causes| *causes <= MANY) {
            groups.push(group);
            continue;
        }
        match alone.entry((class, first)) {
            Entry::Vacant(place) => {
                place.insert(group);
            }
            Entry::Occupied(mut place) => {
                place.get_mut().members.extend(group.members);
                place.get_mut().other_causes += 1;
            }
        }
    }
    groups.extend(alone.into_values());
    groups.sort_by(|a, b| {
        let place =
            |group: &Group<'_, T>| (group.class, std::cmp::Reverse((group.organizations().len(), group.members.len())));
        place(a).cmp(&place(b)).then_with(|| a.members[0].organization().cmp(&b.members[0].organization()))
    });
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Note(u8, OrganizationId, &'static str);

    impl Caused for Note {
        type Class = u8;
        fn class(&self) -> u8 {
            self.0
        }
        fn organization(&self) -> Option<&OrganizationId> {
            Some(&self.1)
        }
        fn cause(&self) -> Cow<'_, str> {
            self.2.into()
        }
    }

    #[test]
    fn the_most_organizations_come_first_and_one_takes_one_place_for_all_that_it_says() {
        let id = |id: &str| OrganizationId::new(id).unwrap();
        let notes = [
            Note(2, id("o-alpha00000"), "silent for 3h"),
            Note(1, id("o-mallory000"), "one thing"),
            Note(1, id("o-mallory000"), "another thing"),
            Note(1, id("o-mallory000"), "a third"),
            Note(1, id("o-beta000000"), "cannot read exp-1"),
            Note(1, id("o-gamma00000"), "cannot read exp-2"),
            Note(1, id("o-delta00000"), "out of order"),
        ];
        let told = |notes: &[Note]| -> Vec<(u8, usize, String, usize)> {
            group(notes).into_iter().map(|it| (it.class, it.members.len(), it.cause, it.other_causes)).collect()
        };
        assert_eq!(told(&notes).len(), 6, "so few are each told");
        assert_eq!(told(&notes)[0], (1, 2, "cannot read …".to_owned(), 0));
        let words = ["four", "five", "six", "seven", "eight"].map(|word| Note(1, id("o-mallory000"), word));
        let notes: Vec<Note> = notes.into_iter().chain(words).collect();
        assert_eq!(
            told(&notes),
            [
                (1, 2, "cannot read …".to_owned(), 0),
                (1, 8, "a third".to_owned(), 7),
                (1, 1, "out of order".to_owned(), 0),
                (2, 1, "silent for 3h".to_owned(), 0),
            ]
        );
    }
}
