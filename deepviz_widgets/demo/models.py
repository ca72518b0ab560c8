"""The small networks of the demos. Every first layer is called conv1 and every ReLU is a module of its own."""

from __future__ import annotations

from torch import Tensor, nn


def conv3(channels: int, out: int) -> nn.Conv2d:
    """Make a 3 × 3 convolution that keeps the size of the map."""
    return nn.Conv2d(channels, out, 3, padding=1, bias=False)  # the norm that follows has the bias


class ResidualBlock(nn.Module):
    """Two 3 × 3 convolutions whose result is added to their input."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv1 = conv3(channels, channels)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu1 = nn.ReLU()
        self.conv2 = conv3(channels, channels)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, H, W) to the same."""
        y = self.relu1(self.bn1(self.conv1(x)))
        return self.relu2(x + self.bn2(self.conv2(y)))


class DigitsNet(nn.Module):
    """(N, 1, 32, 32) -> (N, 10): 5 × 5 kernels, then three stages of 3 × 3 ones."""

    def __init__(self, classes: int = 10):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 5, padding=2, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.relu1 = nn.ReLU()
        self.pool1 = nn.MaxPool2d(2)
        self.conv2 = conv3(16, 32)
        self.bn2 = nn.BatchNorm2d(32)
        self.relu2 = nn.ReLU()
        self.pool2 = nn.MaxPool2d(2)
        self.conv3 = conv3(32, 48)
        self.bn3 = nn.BatchNorm2d(48)
        self.relu3 = nn.ReLU()
        self.pool3 = nn.MaxPool2d(2)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(48 * 4 * 4, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map pictures to class scores."""
        x = self.pool1(self.relu1(self.bn1(self.conv1(x))))
        x = self.pool2(self.relu2(self.bn2(self.conv2(x))))
        x = self.pool3(self.relu3(self.bn3(self.conv3(x))))
        return self.fc(self.flatten(x))


class ScenesNet(nn.Module):
    """(N, 3, 64, 64) -> (N, 6): 7 × 7 kernels, then two stages with a residual block each."""

    def __init__(self, classes: int = 6, width: int = 24):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu1 = nn.ReLU()
        self.pool1 = nn.MaxPool2d(3, stride=2, padding=1)
        self.block1 = ResidualBlock(width)
        self.conv2 = conv3(width, 2 * width)
        self.bn2 = nn.BatchNorm2d(2 * width)
        self.relu2 = nn.ReLU()
        self.pool2 = nn.MaxPool2d(2)
        self.block2 = ResidualBlock(2 * width)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(2 * width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map pictures to class scores."""
        x = self.pool1(self.relu1(self.bn1(self.conv1(x))))
        x = self.block1(x)
        x = self.pool2(self.relu2(self.bn2(self.conv2(x))))
        x = self.block2(x)
        return self.fc(self.flatten(self.avgpool(x)))


class PhotosNet(nn.Module):
    """(N, 3, H, W) -> (N, 6) for any size from about 32 pixels; about 88,000 weights."""

    def __init__(self, classes: int = 6):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(32)
        self.relu1 = nn.ReLU()
        self.pool1 = nn.MaxPool2d(3, stride=2, padding=1)
        self.conv2 = conv3(32, 48)
        self.bn2 = nn.BatchNorm2d(48)
        self.relu2 = nn.ReLU()
        self.block = ResidualBlock(48)
        self.pool2 = nn.MaxPool2d(2)
        self.conv3 = conv3(48, 64)
        self.bn3 = nn.BatchNorm2d(64)
        self.relu3 = nn.ReLU()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(64, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map pictures to class scores."""
        x = self.pool1(self.relu1(self.bn1(self.conv1(x))))
        x = self.block(self.relu2(self.bn2(self.conv2(x))))
        x = self.relu3(self.bn3(self.conv3(self.pool2(x))))
        return self.fc(self.flatten(self.avgpool(x)))
