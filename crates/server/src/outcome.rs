//! Offers and outcomes over HTTP.

use afterword_domain::outcome::{
    ApplicationReopened, Offer, OfferAccepted, OfferDeclined, OfferReceived, PositionClosed,
};

use crate::{
    api::Api,
    reading::{LIST, View},
    recording::path_id,
};

pub(crate) fn endpoints(api: &mut Api) {
    api.records::<OfferReceived>("A/offers");
    api.records::<OfferAccepted>("C/offers/{offer}/accepted");
    api.records::<OfferDeclined>("C/offers/{offer}/declined");
    api.records::<PositionClosed>("A/position-closed");
    api.records::<ApplicationReopened>("A/reopened");
    api.lists(
        "A/offers",
        "list_offers_of_application",
        "The offers in an application",
        LIST,
        list,
    );
    api.lists("C/offers", "list_offers", "A candidate's offers", LIST, list);
    api.reads("C/offers/{offer}", "get_offer", "An offer", |view, request| {
        view.candidate.offer(path_id(request, "offer").ok()?).cloned()
    });
}

fn list(view: &View) -> Vec<Offer> {
    view.applications()
        .flat_map(|it| it.offers.values())
        .map(|it| (**it).clone())
        .collect()
}
