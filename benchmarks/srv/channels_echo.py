"""Echo with Django Channels (AsyncWebsocketConsumer), for daphne."""

# ruff: noqa: E402 - Django is set up first
import django
from django.conf import settings

settings.configure(
    DEBUG=False,
    ALLOWED_HOSTS=["*"],
    SECRET_KEY="x" * 50,
    INSTALLED_APPS=["channels"],
    ROOT_URLCONF=__name__,
    LOGGING_CONFIG=None,
)
django.setup()
urlpatterns = []
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.urls import path


class Echo(AsyncWebsocketConsumer):
    async def receive(self, text_data=None, bytes_data=None):
        await self.send(text_data=text_data, bytes_data=bytes_data)


application = ProtocolTypeRouter({"websocket": URLRouter([path("", Echo.as_asgi())])})
